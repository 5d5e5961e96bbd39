"""Training of drawing encoders: losses, sampler, recipes, the trainer."""

import os

# timm loads its pretrained weights through huggingface_hub, which reports usage unless told not
# to BEFORE its import. Assigned, not defaulted: who trains on unpublished designs is nobody's
# business, whatever the environment says.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
