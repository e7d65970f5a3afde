"""The report: charts (Altair), pictures, and one HTML page that needs no network."""
