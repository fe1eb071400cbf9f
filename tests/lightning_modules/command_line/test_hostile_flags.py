"""Numbers out of range, absurd sizes and odd YAML: one sentence, exit status 2, no work begun."""

import shlex
import time

import pytest
import tiny
import yaml

from lightning_modules.command_line.memory_guard import MemoryGuard, machine_memory
from lightning_modules.command_line.yaml_limits import check_yaml, read_yaml
from lightning_modules.errors import InputError

NETWORK = "--model.init_args.network.init_args"
OPTIMIZATION = "--model.init_args.optimization"

FIT = {  # flags of `fit` on the tiny classifier, and what the sentence must hold
    "--seed_everything=-1": ["seed_everything", "4294967295", "-1"],
    "--seed_everything=4294967296": ["seed_everything", "got 4294967296"],
    "--data.init_args.seed=-1": ["seed", "at least 0", "got -1"],
    "--data.init_args.seed=100000000000000000000": ["seed", "64 bits"],
    "--data.init_args.batch_size=0": ["batch_size", "at least 1", "got 0"],
    "--data.init_args.batch_size=1000000000": ["batch_size", "at most", "got 1000000000"],
    "--data.init_args.num_workers=-1": ["num_workers", "at least 0", "got -1"],
    "--data.init_args.dither=.nan": ["dither", "finite", "nan"],
    "--data.init_args.fraction=.inf": ["fraction", "finite", "inf"],
    "--data.init_args.root=": ["root", "must name a file or folder"],
    "--data.init_args.labels=[]": ["labels"],
    f"{NETWORK}.base_channels=0": ["base_channels", "at least 1", "got 0"],
    f"{NETWORK}.base_channels=-8": ["base_channels", "got -8"],
    f"{NETWORK}.base_channels=60000": ["million numbers", "GB", "choose smaller sizes"],
    f"{NETWORK}.blocks_per_stage=1000000000": ["blocks_per_stage", "at most 1,000"],
    f"{NETWORK}.multipliers=[]": ["multipliers", "empty list"],
    f"{NETWORK}.patch_size=0": ["patch_size", "got 0"],
    f"{NETWORK}.dropout=1.5": ["dropout", "below 1", "got 1.5"],
    f"{NETWORK}.dropout=.nan": ["dropout", "finite", "nan"],
    f"{NETWORK}.time_width=17": ["time_width", "even", "17"],
    f"{OPTIMIZATION}.learning_rate=0": ["learning_rate", "above 0"],
    f"{OPTIMIZATION}.learning_rate=-0.001": ["learning_rate", "above 0"],
    f"{OPTIMIZATION}.learning_rate=.nan": ["learning_rate", "finite", "nan"],
    f"{OPTIMIZATION}.learning_rate=.inf": ["learning_rate", "finite", "inf"],
    f"{OPTIMIZATION}.learning_rate=1e300": ["learning_rate", "finite"],
    "--model=[1]": ["model cannot be [1]"],
    f"{OPTIMIZATION}.weight_decay=-1": ["weight_decay", "at least 0", "got -1"],
    f"{OPTIMIZATION}.betas=[0.9,1.0]": ["betas", "below 1", "got 1.0"],
    f"{OPTIMIZATION}.warmup_steps=-1": ["warmup_steps", "got -1"],
    "--model.init_args.label_smoothing=1": ["label_smoothing", "below 1"],
    "--model.init_args.sigma_data=-1": ["sigma_data", "above 0"],
    "--model.init_args.times=LogNormalTimes --model.init_args.times.init_args.std=0": ["std", "above 0"],
    "--model.init_args.sde.t_min=1": ["t_min"],
    "--model.init_args.sde.beta_max=.inf": ["beta_max", "finite"],
    "--data.init_args.front_end=LogMel --data.init_args.front_end.init_args.num_frames=1000000000": ["num_frames"],
    "--data.init_args.front_end=LogMel --data.init_args.front_end.init_args.hop_length=0": ["hop_length", "at least 1"],
    "--trainer.devices=1000000000000": ["trainer.devices", "100000", "1000000000000"],
    "--trainer.gradient_clip_val=-1": ["gradient_clip_val of trainer", "at least 0", "got -1"],
    "--trainer.gradient_clip_val=.nan": ["gradient_clip_val", "finite"],
    "--trainer.max_epochs=-2": ["max_epochs", "at least -1", "got -2"],
    "--trainer.max_steps=-7": ["max_steps", "got -7"],
    "--trainer.log_every_n_steps=-1": ["log_every_n_steps", "got -1"],
    "--trainer.check_val_every_n_epoch=0": ["check_val_every_n_epoch", "at least 1", "got 0"],
    "--trainer.accumulate_grad_batches=0": ["accumulate_grad_batches", "got 0"],
    "--trainer.limit_train_batches=-1": ["limit_train_batches", "got -1"],
    "--trainer.limit_val_batches=.nan": ["limit_val_batches", "finite"],
    "--trainer.max_time=soon": ["duration", "DD:HH:MM:SS"],
    "--trainer.num_nodes=0": ["num_nodes", "got 0"],
    "--trainer.callbacks+=callbacks.GuidedSampling --trainer.callbacks.every_n_steps=0": ["every_n_steps", "got 0"],
    "--optimizer=torch.optim.SGD --optimizer.lr=1": ["--optimizer", "optimization"],
}
PREDICT = {
    "--sampling.num_steps=1000000000": ["num_steps", "at most 100,000"],
    "--sampling.guidance_scale=.nan": ["guidance_scale", "finite", "nan"],
    "--sampling.guidance_scale=.inf": ["guidance_scale", "finite"],
    "--sampling.clamp=0": ["clamp", "above 0"],
    "--sampling.clamp_quantile=2": ["clamp_quantile"],
    "--sampling.sampler=DDIM --sampling.sampler.init_args.eta=1.5": ["eta", "1.5"],
    "--sampling.sampler=PredictorCorrector --sampling.sampler.init_args.num_corrections=1000000000": [
        "num_corrections"
    ],
    "--sampling.time_grid=Karras --sampling.time_grid.init_args.rho=.nan": ["rho", "nan"],
    "--sampling.guidance=LinearRamp --sampling.guidance.init_args.start=-1": ["start -1"],
    "--data=SampleRequests --data.init_args.count=1000000000000": ["count", "at most 10,000,000"],
    "--data=SampleRequests --data.init_args.seed=-1": ["seed", "-1"],
    "--data=SampleRequests --data.init_args.seed=9223372036854775807 --data.init_args.count=2": ["2^63 - 1"],
    "--data=SampleRequests --data.init_args.batch_size=0": ["batch_size", "got 0"],
    "--sample_writer.folder=": ["folder", "must name a file or folder"],
    "--vocoder=GriffinLim --vocoder.init_args.num_iterations=0": ["num_iterations", "got 0"],
    "--seed_everything=-1": ["seed_everything"],
}
FUNCTIONS = {
    "score '' --evaluator x": ["folders", "must not be empty"],
    "score . --evaluator ''": ["evaluator", "must not be empty"],
    "score . --evaluator x --minimum_accuracy .nan": ["minimum_accuracy", "finite"],
    "report . --per_digit 0": ["per_digit", "at least 1", "got 0"],
    "report . --per_digit 1000000000": ["per_digit", "at most 1,000"],
    "report ''": ["runs", "must not be empty"],
    "table ''": ["runs", "must not be empty"],
    "vocoders . --evaluators '[x]' --rounds 0": ["rounds", "got 0"],
    "vocoders . --evaluators '[x]' --rounds 1000000000": ["rounds", "at most 10,000"],
    "demo --steps_share .nan": ["steps_share", "finite"],
    "demo --steps_share 0": ["steps_share", "above 0"],
    "demo --samples_per_digit 1": ["samples_per_digit", "at least 2"],
    "listen --num_steps 0": ["num_steps", "at least 1"],
    "listen --seed -1": ["seed"],
    "listen --guidance_scale .nan": ["guidance_scale"],
}


@pytest.mark.parametrize("flags", FIT)
def test_fit(flags, refused, configs):
    tiny.check(refused(*tiny.fit_arguments(configs, "classifier", "out", *flags.split())), FIT[flags])


@pytest.mark.parametrize("flags", PREDICT)
def test_predict(flags, refused, score_subnet):
    tiny.check(refused("predict", "--ckpt_path", score_subnet, *flags.split()), PREDICT[flags])


@pytest.mark.parametrize("line", FUNCTIONS)
def test_other_commands(line, refused):
    tiny.check(refused(*shlex.split(line)), FUNCTIONS[line])


LAUGHS = "a0: &a0 [1, 2]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
YAML = {  # content of a config, and what the sentence must hold
    "laughs": (LAUGHS, ["more than 100,000 values"]),
    "circle": ("trainer: &a {callbacks: [*a]}\n", ["alias of what it stands in"]),
    "deep": ("trainer: " + "[" * 60 + "]" * 60, ["nested too deeply"]),
    "very deep": ("trainer: " + "[" * 20_000, ["nested too deeply"]),
    "twice": ("trainer: {max_steps: 1}\ntrainer: {max_steps: 2}\n", ["'trainer' twice", "line 2"]),
    "twice inside": ("trainer:\n  max_steps: 1\n  max_steps: 2\n", ["'max_steps' twice", "line 3"]),
    "list": ("- trainer\n", ["must hold keys and values", "list"]),
    "number": ("7\n", ["must hold keys and values", "int"]),
    "empty": ("", ["must hold keys and values"]),
    "number as key": ("7: 1\n", ["7", "name of a setting"]),
    "mapping as key": ("? {a: b}\n: 1\n", ["list or mapping as a key"]),
    "binary": (b"\x00\xff\xfe\x01" * 20, ["cannot read config"]),
    "object": ("trainer: !!python/object/apply:os.system [true]\n", ["cannot read config", "line 1"]),
    "date": ("trainer: 2001-99-99\n", ["cannot read config"]),
    "large": ("# " + "x" * (1 << 19), ["more than 262,144 bytes"]),
}  # fmt: skip


@pytest.mark.parametrize("name", YAML)
def test_configs(name, refused, tmp_path):
    content, expected = YAML[name]
    (tmp_path / "odd.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    start = time.perf_counter()
    tiny.check(refused("fit", "--config", tmp_path / "odd.yaml"), ["odd.yaml", *expected])
    assert time.perf_counter() - start < 10.0
    if name not in ("list", "number", "empty", "number as key"):  # for a file in place of flags
        with pytest.raises(InputError, match=r"odd\.yaml"):
            read_yaml(tmp_path / "odd.yaml")


@pytest.mark.parametrize("flag", ["--trainer", "--model.init_args.network", "--trainer.callbacks+"])
def test_values_of_flags_are_bounded_too(flag, refused, configs):
    laughs = "{" + ", ".join(LAUGHS.strip().split("\n")) + "}"
    sentence = refused(*tiny.fit_arguments(configs, "classifier", "out", f"{flag}={laughs}"))
    tiny.check(sentence, [flag, "more than 100,000 values"])


def test_configs_of_the_project_pass():
    check_yaml(yaml.safe_dump({"a": [1, 2], "b": {"c": 3}}), "this")
    check_yaml("x: &x {a: 1}\ny: {<<: *x, b: 2}\nz: [*x, *x]\n", "this")


def test_the_guard_counts_before_anything_is_made():
    import torch

    with MemoryGuard(limit=1e6) as guard:
        torch.nn.Linear(100, 100)
        assert guard.values == 10_100 and guard.bytes == 40_400
        with pytest.raises(InputError, match="would have more than"):
            torch.nn.Linear(10**6, 10**6)
        with pytest.raises(InputError, match="would have more than"):
            torch.zeros(10**12)
    assert 1e9 < machine_memory() < 1e15
