"""A small release, as `make release` would write it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FUNCTION, LAYER = "pixelgate-function-x86_64-aa.zip", "pixelgate-layer-x86_64-bb.zip"
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Architecture": {"Type": "String", "Default": "x86_64", "AllowedValues": ["x86_64"]},
        "MemorySize": {"Type": "Number", "Default": 3008},
        "Suffix": {"Type": "String", "Default": ""},
        "CodeBucket": {"Type": "String"},
        "CodePrefix": {"Type": "String", "Default": ""},
    },
    "Mappings": {"Zips": {"x86_64": {"Function": FUNCTION, "Layer": LAYER}}},
    "Resources": {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": {
                    "Fn::Sub": "${AWS::StackName}-${AWS::AccountId}-${AWS::Region}${Suffix}"
                }
            },
        }
    },
    "Outputs": {"Version": {"Value": "1.2.3"}},
}


def write_release(folder: Path) -> Path:
    """Writes it; returns its folder."""
    files = {
        FUNCTION: b"function",
        LAYER: b"layer",
        "template.json": json.dumps(TEMPLATE).encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return folder
