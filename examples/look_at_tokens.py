"""What a policy sees and how sure it is: the tokens of one step, and the entropy of each action it chose."""

import numpy as np

import gato_ros

policy = gato_ros.load_policy("sawyer_mastery")
env = gato_ros.make("rgb_stacking", policy=policy)
env.reset(seed=900_001)
policy.reset()
for step in range(3):
    observation = env.unwrapped.observe()
    tokens = gato_ros.tokenize(policy, observation)
    decision = policy.act(observation)
    action, trace = decision.action.as_vector(), decision.trace
    env.step(action)
    print(f"step {step}: {len(tokens.patches)} image patches, ids {tokens.ids.tolist()}")
    for unit, value, entropy in zip(policy.layout.action_units, action, trace.entropy_nat):
        print(f"  {value:+.4f} {unit:5} entropy {entropy:.2f} of {np.log(1024):.2f} nat")
