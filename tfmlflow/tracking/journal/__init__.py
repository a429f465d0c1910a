"""The journal: what a training has said, safe on this machine's disk before any store hears of it.

spool/runs/<key>/journal      what the training says; `format` is how, `writer` and `reader` do it
spool/runs/<key>/essentials   the same without points: what is damaged in the one is taken from the other
spool/runs/<key>/system       what the shipper measures of the trainer, in the same format
spool/runs/<key>/cursor       how far the shipper has delivered
spool/runs/<key>/trouble      why it cannot deliver this run just now
spool/runs/<key>/files/       files that wait for delivery
"""
