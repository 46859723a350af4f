"""Episodes of domains without ROS: many in one shard, one record each."""
