// The charts of a page: drawn once; methods are switched off and axes zoomed without drawing them anew.
function drawCharts(charts, sets, drawn) {
  Object.keys(charts).forEach(name => {
    const { spec, uses } = charts[name];
    const whole = Object.assign({}, spec, { datasets: Object.fromEntries(uses.map(set => [set, sets[set]])) });
    vegaEmbed("#chart-" + name, whole, {
      renderer: "svg", actions: { export: true, source: false, compiled: false, editor: false }, downloadFileName: name
    }).then(result => {
      const tools = document.querySelector('form[data-chart="' + name + '"]');
      if (tools) zoomTools(tools, result.view);
      drawn(result.view);
    }).catch(console.error);
  });
}

// Buttons and number fields for the limits of a chart's axes; dragging and ctrl + wheel move the same limits.
function zoomTools(form, view) {
  const signals = { x: "zoom_bpp", y: "zoom_" + form.dataset.field };
  const fields = { x: form.querySelectorAll("input[name=x]"), y: form.querySelectorAll("input[name=y]") };
  const ends = axis => Array.from(view.signal(signals[axis]) || view.scale(axis).domain()).sort((a, b) => a - b);
  const short = end => Math.abs(end) < 1e-3 && end !== 0 ? end.toExponential(2) : String(Number(end.toPrecision(4)));
  function show() {
    ["x", "y"].forEach(axis => ends(axis).forEach((end, i) => { fields[axis][i].value = short(end); }));
  }
  function limit(limits) {
    ["x", "y"].forEach(axis => view.signal(signals[axis], limits && limits[axis]));
    return view.runAsync().then(show);
  }
  function zoom(factor) {
    const limits = {};
    ["x", "y"].forEach(axis => {
      const log = view.scale(axis).type === "log";
      const [low, high] = ends(axis).map(end => log ? Math.log(end) : end);
      const middle = (low + high) / 2, reach = (high - low) / 2 * factor;
      limits[axis] = [middle - reach, middle + reach].map(end => log ? Math.exp(end) : end);
    });
    limit(limits);
  }
  function type() {
    const limits = {};
    const whole = ["x", "y"].every(axis => {
      limits[axis] = Array.from(fields[axis], field => Number(field.value)).sort((a, b) => a - b);
      const [low, high] = limits[axis];
      return low < high && (view.scale(axis).type !== "log" || low > 0);
    });
    if (whole) limit(limits); else show();
  }
  form.addEventListener("submit", event => { event.preventDefault(); type(); });
  form.addEventListener("change", type);
  form.querySelector("[name=in]").addEventListener("click", () => zoom(0.7));
  form.querySelector("[name=out]").addEventListener("click", () => zoom(1 / 0.7));
  form.querySelector("[name=reset]").addEventListener("click", () => limit(null));
  Object.values(signals).forEach(name => view.addSignalListener(name, () => setTimeout(show)));
  form.hidden = false;
  show();
}
