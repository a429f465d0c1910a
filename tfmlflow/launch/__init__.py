"""`tfmlflow launch`: several processes that train together, started, watched, ended and started again as one."""
