from __future__ import annotations

import pytest
import torch
from rawbench_sampling.cam import CELLS, Cam, rebuilt
from rawbench_sampling.cam_networks import PUBLISHED, Architecture, CamNetworks, UNet, empty_networks
from rawbench_sampling.cam_weights import read_weights, write_weights
from rawbench_sampling.shrinkage import WHOLE

from rawbench import StreamError
from rawbench.blocks.tiles import in_tiles
from rawbench.codec import unwatched
from rawbench.errors import SampleError, UsageError

from ..conftest import psnr


@pytest.mark.parametrize("name", ["17x33", "7x12", "1x1", "black", "saturated", "unrelated-noise"])
@pytest.mark.parametrize("cell", [4, 32])
def test_samples_come_back_exactly(codec, scenes, name, cell):
    raw, srgb = scenes[name]
    made = codec(Cam, f"cell={cell}", finetune=2)
    decoded = codec(Cam, f"cell={cell}").decode(made.encode(raw, srgb), srgb)
    mask = made.diagnostics(raw, srgb)["samples"] > 0
    assert decoded.shape == raw.shape and decoded.dtype == torch.float32
    assert 1 <= int(mask.sum()) <= -(-raw.shape[1] // cell) * -(-raw.shape[2] // cell)
    assert torch.allclose(decoded[:, mask], raw[:, mask], atol=1e-7)


def test_bytes_and_psnr_grow_as_the_cells_shrink(codec, scenes):
    raw, srgb = scenes["medium"]
    sizes, values = [], []
    for point in Cam.rate_points(None):
        payload = codec(Cam, point.name, finetune=0).encode(raw, srgb)
        sizes.append(len(payload))
        values.append(psnr(raw, codec(Cam, point.name).decode(payload, srgb)))
    assert sizes == sorted(sizes) and len(set(sizes)) == len(CELLS)
    assert values == sorted(values)


def test_the_number_of_iterations_reaches_the_decoder_in_the_payload(codec, scenes):
    raw, srgb = scenes["scene-a"]
    first = codec(Cam, "cell=8", finetune=0).encode(raw, srgb)
    payloads = [first[:4] + bytes([128 + count, WHOLE]) + first[6:] for count in (0, 3)]
    assert codec(Cam, "cell=8", finetune=3).encode(raw, srgb)[4] in (128, 131)
    plain, tuned = (codec(Cam, "cell=8").decode(payload, srgb) for payload in payloads)
    assert 0 < float((plain - tuned).abs().max()) < 0.1
    first_version = codec(Cam, "cell=8").decode(payloads[0][:4] + b"\0" + payloads[0][6:], srgb)
    assert torch.equal(first_version, plain)
    with pytest.raises(StreamError, match="iterations"):
        codec(Cam, "cell=8").decode(payloads[0][:4] + b"\xff" + payloads[0][5:], srgb)


def test_fine_tuning_that_does_harm_is_left_out(codec, scenes):
    raw, srgb = scenes["scene-b"]
    errors = []
    for count in (0, 10):
        payload = codec(Cam, "cell=16", finetune=count).encode(raw, srgb)
        errors.append(psnr(raw, codec(Cam, "cell=16").decode(payload, srgb)))
    assert errors[1] >= errors[0]


def test_fine_tuning_leaves_the_weights_and_the_random_state_alone(codec, scenes):
    raw, srgb = scenes["17x33"]
    made = codec(Cam, "cell=8")
    before = {name: tensor.clone() for name, tensor in made.networks.state_dict().items()}
    state = torch.get_rng_state()
    made.decode(made.encode(raw, srgb), srgb)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], tensor) for name, tensor in made.networks.state_dict().items())


def test_the_published_size_needs_weights(codec):
    with pytest.raises(UsageError, match="size=reference has no weights"):
        codec(Cam, "cell=8", size="reference")
    assert Cam.complexity(Cam.Options(size="reference"))["parameters"] > 15e6


def test_weights_survive_their_file_and_damage_is_found(tmp_path, scenes):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = CamNetworks(Architecture(sampler_width=4, width=4, levels=1)).eval()
    path = tmp_path / "w.safetensors"
    digest = write_weights(path, model, {"made": "by a test"})
    networks, found = read_weights(path)
    assert found == digest and networks.config == model.config
    raw, srgb = scenes["17x33"]
    mask = torch.zeros(17, 33, dtype=torch.bool)
    mask[4::8, 4::8] = True
    values = raw[:, mask].double()
    assert torch.allclose(
        rebuilt(networks, srgb, mask, values, 2, unwatched), rebuilt(model, srgb, mask, values, 2, unwatched), atol=0.01
    )
    data = bytearray(path.read_bytes())
    data[-9] ^= 64
    path.write_bytes(data)
    with pytest.raises(SampleError, match="digest"):
        read_weights(path)


def test_weights_of_another_size_are_refused_by_name(tmp_path, codec):
    path = tmp_path / "w.safetensors"
    write_weights(path, empty_networks(Architecture(sampler_width=4, width=4, levels=1)), {})
    with pytest.raises(SampleError, match="size=reference"):
        codec(Cam, "cell=8", size="reference", weights=path)
    assert Architecture() != PUBLISHED


@pytest.mark.parametrize("shuffle", [1, 2])
def test_tiles_give_what_the_whole_image_gives(shuffle):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = UNet(3, 2, 4, 2, shuffle).eval().double()
    image = torch.rand(1, 3, 160, 144, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        whole = network(image)
        covered = in_tiles(network, image, 64, network.reach)
    assert torch.allclose(whole, covered, atol=1e-12)


def test_damaged_payloads(codec, scenes, check_damage):
    raw, srgb = scenes["7x12"]
    check_damage(codec(Cam, "cell=4"), codec(Cam, "cell=4", finetune=1).encode(raw, srgb), srgb, count=15)
