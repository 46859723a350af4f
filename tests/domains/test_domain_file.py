"""Domains that are no part of the package: one file each, named by its path."""

from dataclasses import replace

import gymnasium
import jax
import numpy as np
import pytest
from gymnasium import spaces

from gato_ros.api import make
from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.data.demonstrations.reading import read_demonstrations
from gato_ros.domains import domain_file, registry
from gato_ros.domains.spaces import action_of, flat_values, native_action, step_spec_of
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.evaluate import evaluate_policy
from gato_ros.evaluation.settings import Evaluation
from gato_ros.evaluation.training_run.mixture import read_mixture
from gato_ros.evaluation.training_run.settings import TrainingRun
from gato_ros.evaluation.training_run.streaming import Room
from gato_ros.evaluation.training_run.training import train_policy
from gato_ros.evaluation.worker_pool import worker_pool
from gato_ros.training.batches.streamed import StreamedWindows
from gato_ros.training.config import TrainingConfig
from gato_ros.training.windows import Windows

POLE = "tests/domains/pole.py"
LANDER = "examples/lunar_lander.py"


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    for known in ("_paths", "_loaded"):
        monkeypatch.setattr(domain_file, known, {})


@pytest.mark.parametrize(("path", "task"), [(POLE, "short"), (LANDER, "land")])
def test_a_file_is_collected_trained_and_evaluated(path, task, tmp_path, played_here):
    pytest.importorskip("array_record", reason="array_record comes with the domains: pip install gato_ros[domains]")
    if path == LANDER:
        pytest.importorskip("Box2D", reason="LunarLander needs Box2D: pip install gymnasium[box2d]")
    data, name = tmp_path / "data", registry.load_domain(path).name
    counts = collect(Collection(data, domain=path, task=task, episodes=3, workers=1, noise=0.1, keep_failures=True))
    assert counts["kept"] == 3 and {one.name.split("-")[0] for one in data.glob("*.array_record")} == {name}
    assert read_demonstrations([data])[0].source == (task, name, "expert")
    training = TrainingConfig(steps=2, batch=4, warmup_steps=1, **registry.load_domain(path).training)
    train_policy(TrainingRun((data,), tmp_path / "run", domain=path, task=task, training=training))
    options = {"episodes": 2, "workers": 1, "quiet": True, "domain": path, "tasks": task}
    result = evaluate_policy(Evaluation(str(tmp_path / "run" / "last"), **options))
    rows = result["domains"][name]["tasks"]
    assert rows[task]["expert"] > rows[task]["random"] and rows[task]["episodes"] == 2
    assert list(rows) == [task] and len(result["weights_sha256"]) == 64
    # The rule plays on after a wrong action, and it is the rule's action that is learned.
    assert any(not np.array_equal(one.executed, one.frames.actions) for one in read_demonstrations([data]))


def test_weights_from_shards_are_those_from_memory(tmp_path, played_here):
    pytest.importorskip("array_record", reason="array_record comes with the domains: pip install gato_ros[domains]")
    data = tmp_path / "data"
    collect(Collection(data, domain=POLE, task="short", episodes=5, workers=1, keep_failures=True, shard_episodes=2))
    training = TrainingConfig(steps=2, batch=8, warmup_steps=1, **registry.load_domain(POLE).training)
    options = TrainingRun((data,), tmp_path / "memory", domain=POLE, task="short", training=training)
    train_policy(options)
    train_policy(replace(options, out=tmp_path / "shards", stream_above_gb=0.0))
    weights = [(tmp_path / name / "last" / "params.safetensors").read_bytes() for name in ("memory", "shards")]
    assert weights[0] == weights[1]
    train_policy(replace(options, stream_above_gb=0.0))  # is done, and knows its data again


def test_the_example_is_short():
    with open(LANDER) as file:
        assert len(file.readlines()) <= 60


def test_a_worker_process_knows_the_file_by_its_name():
    name = registry.load_domain(POLE).name
    assert registry.load_domain(name) is registry.load_domain(POLE)
    with worker_pool(1) as pool:
        assert pool.submit(tasks_there, name).result() == ("short", "long")


def tasks_there(name):
    return registry.load_domain(name).tasks


def test_an_episode_ends_with_the_environment():
    world = make(POLE, task="short")
    world.reset(seed=1)
    expert, steps, ended = registry.load_domain(POLE).expert("short", world), 0, False
    while not ended:
        _, terminated, truncated, info = world.step_action(expert.act(world.observe()).action)
        ended, steps = terminated or truncated, steps + 1
    assert steps == 30 and terminated and info["success"] and info["failure"] is None
    world.reset(seed=1)
    while not (last := world.step_action(Action({"action": [0]})))[1]:
        pass
    assert abs(world.observe().values["observation"][2]) > 0.2
    assert not last[3]["success"] and last[3]["failure"] == "ended"


def test_a_mixture_may_have_a_part_from_a_file(tmp_path):
    path = tmp_path / "mixture.yaml"
    path.write_text(f"parts:\n  pole:\n    domain: {POLE}\n    tasks: [short]\n    data: [somewhere]\n    batch: 2\n")
    (part,) = read_mixture(path).parts
    assert part.contracts()[0].name == "pole_short" and part.supervision().action_names == ("action",)


def test_parts_of_a_mixture_stay_in_their_shards(tmp_path, played_here):
    pytest.importorskip("array_record", reason="array_record comes with the domains: pip install gato_ros[domains]")
    collect(Collection(tmp_path / "data", domain=POLE, episodes=6, workers=1, keep_failures=True, shard_episodes=2))
    part = f"{{domain: {POLE}, tasks: [short], data: [{tmp_path / 'data'}], batch: 3, length: 70}}"
    path = tmp_path / "mixture.yaml"
    path.write_text(f"parts:\n  one: {part}\n  two: {part}\n")
    plan = read_mixture(path)
    model = plan.model()
    made = [plan.objective(model, room) for room in (None, Room(1e9, True), Room(0.0, True))]
    assert made[0][1] == made[1][1] == made[2][1]
    kinds = [[type(part.sequences.training) for part in one.parts] for one, _ in made]
    assert kinds == [[Windows] * 2, [Windows] * 2, [StreamedWindows] * 2]
    for step in range(3):
        batches = [[part.sequences.batch_of_step(5, step) for part in one.parts] for one, _ in made]
        for held, read in zip(jax.tree.leaves(batches[0]), jax.tree.leaves(batches[2])):
            np.testing.assert_array_equal(held, read)


WRONG = {
    "nothing = 1\n": "an object DOMAIN .*got no such object",
    "class DOMAIN:\n    name, tasks = 'mine', ('a',)\n": "got one without .*contract",
    "import a_package_that_is_not\n": "ModuleNotFoundError.* line 1; mend it",
    "x = (\n": "SyntaxError.* line 1",
    "from tests.domains.pole import DOMAIN\nDOMAIN.name = 'babyai'\n": "a new name .*'babyai'",
    "from tests.domains.pole import DOMAIN\nDOMAIN.name = 'my-pole'\n": "names of letters, digits and _ .*'my-pole'",
    "from tests.domains.pole import DOMAIN\nDOMAIN.tasks = ()\n": "one task at least",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_file_that_holds_no_domain_is_refused(tmp_path, text, monkeypatch):
    from tests.domains.pole import DOMAIN

    monkeypatch.setattr(DOMAIN, "name", DOMAIN.name), monkeypatch.setattr(DOMAIN, "tasks", DOMAIN.tasks)
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(SetupError, match=WRONG[text]):
        registry.load_domain(str(tmp_path / "mine.py"))
    assert not domain_file.known_files()


def test_two_files_of_one_name_and_no_file_are_refused(tmp_path):
    registry.load_domain(POLE)
    (tmp_path / "other.py").write_text("from tests.domains.pole import DOMAIN\n")
    for path, words in ((tmp_path / "other.py", "pole in two files"), (tmp_path / "none.py", "check the path")):
        with pytest.raises(SetupError, match=words):
            registry.load_domain(str(path))
    with pytest.raises(SetupError, match="did you mean 'short'"):
        registry.load_domain(POLE).environment("shrt")


def test_a_missing_package_is_named(monkeypatch):
    domain = registry.load_domain(LANDER)

    def missing(*names, **options):
        raise gymnasium.error.DependencyNotInstalled('pip install "gymnasium[box2d]"')

    monkeypatch.setattr(gymnasium, "make", missing)
    with pytest.raises(SetupError, match=r"packages of lunar_lander: gymnasium, box2d; got pip install .*\[box2d\]"):
        domain.environment("land")


def test_values_and_actions_go_by_the_keys_of_the_spec():
    seen = spaces.Dict(
        {
            "arm": spaces.Dict({"angle": spaces.Box(-3, 3, (2,)), "held": spaces.Discrete(2)}),
            "camera": spaces.Box(0, 255, (2, 4, 3), np.uint8),
            "task": spaces.Text(5),
        }
    )
    done = spaces.Dict({"arm": spaces.Dict({"turn": spaces.Box(-1, 1, (2,))}), "fingers": spaces.MultiDiscrete([3, 3])})
    spec, observed = step_spec_of(seen, done), seen.sample()
    values = flat_values(observed, spec.observations)
    assert list(values) == list(spec.observations) == ["arm/angle", "arm/held", "camera", "task"]
    np.testing.assert_array_equal(values["arm/angle"], observed["arm"]["angle"])
    assert values["arm/held"].shape == (1,) and values["camera"].dtype == np.uint8
    for space in (done, spaces.Discrete(4), spaces.Box(-1, 1, (3,)), spaces.MultiBinary(3)):
        native = space.sample()
        again = native_action(space, action_of(native))
        assert space.contains(again) and action_of(again) == action_of(native)
    assert list(action_of(done.sample()).values) == list(step_spec_of(seen, done).actions)
    wide = native_action(spaces.Box(-1, 1, (3,)), Action({"action": [-2.0, 0.5, 7.0]}))
    np.testing.assert_array_equal(wide, np.array([-1, 0.5, 1], np.float32))
