"""Small networks of the library transformers, built from their settings with random weights, for the contract alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tasks.classes import known_spaces

torch = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")

COCO = known_spaces()["coco80"].names
CITYSCAPES = known_spaces()["cityscapes"].names
FOUR = ["stage1", "stage2", "stage3", "stage4"]
TINY = {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1], "embedding_size": 8}
RT_DETR = {
    "encoder_hidden_dim": 16, "encoder_in_channels": [16, 16, 32], "feat_strides": [8, 16, 32], "encoder_ffn_dim": 16,
    "d_model": 16, "num_queries": 12, "decoder_in_channels": [16, 16, 16], "decoder_ffn_dim": 16, "num_denoising": 0,
    "decoder_attention_heads": 2, "encoder_attention_heads": 2, "decoder_layers": 2,
}  # fmt: skip
MASKS = {
    "hidden_dim": 32, "encoder_feedforward_dim": 16, "dim_feedforward": 16, "encoder_layers": 1, "decoder_layers": 3,
    "num_attention_heads": 2, "num_queries": 10,
}  # fmt: skip
SQUARE = {"height": 96, "width": 96}


def named(names: Sequence[str]) -> dict[str, dict[Any, Any]]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: id for id, name in enumerate(names)}}


def swin() -> Any:
    return transformers.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=4, out_features=FOUR
    )


def detr() -> tuple[Any, Any]:
    # As published: COCO's own ids, and "N/A" for its gaps.
    ids = dict(zip(known_spaces()["coco"].ids, known_spaces()["coco"].names, strict=True))
    backbone = transformers.ResNetConfig(**TINY, out_features=["stage4"], layer_type="basic")
    config = transformers.DetrConfig(
        backbone_config=backbone, d_model=16, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2, num_queries=12,
        **named([ids.get(id, "N/A") for id in range(91)]),
    )  # fmt: skip
    prepare = transformers.DetrImageProcessor(size={"shortest_edge": 96, "longest_edge": 160})
    return transformers.DetrForObjectDetection(config), prepare


def rt_detr_v2() -> tuple[Any, Any]:
    backbone = transformers.RTDetrResNetConfig(**TINY, out_features=FOUR[1:], layer_type="basic")
    config = transformers.RTDetrV2Config(backbone_config=backbone, **RT_DETR, **named(COCO))
    return transformers.RTDetrV2ForObjectDetection(config), transformers.RTDetrImageProcessor(size=SQUARE)


def d_fine() -> tuple[Any, Any]:
    backbone = transformers.HGNetV2Config(
        **TINY, stem_channels=[3, 8, 8], stage_in_channels=[8, 8, 16, 16], stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[8, 16, 16, 32], stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[1, 1, 1, 1],
        out_features=FOUR[1:],
    )  # fmt: skip
    config = transformers.DFineConfig(backbone_config=backbone, **RT_DETR, **named(COCO))
    return transformers.DFineForObjectDetection(config), transformers.RTDetrImageProcessor(size=SQUARE)


def segformer() -> tuple[Any, Any]:
    config = transformers.SegformerConfig(
        hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 1, 1], decoder_hidden_size=16,
        **named(CITYSCAPES),
    )  # fmt: skip
    return transformers.SegformerForSemanticSegmentation(config), transformers.SegformerImageProcessor(size=SQUARE)


def mask2former(names: Sequence[str] = COCO) -> tuple[Any, Any]:
    config = transformers.Mask2FormerConfig(
        backbone_config=swin(), feature_size=32, mask_feature_size=32, **MASKS, **named(names)
    )
    return transformers.Mask2FormerForUniversalSegmentation(config), transformers.Mask2FormerImageProcessor(size=SQUARE)


def oneformer(names: Sequence[str] = COCO) -> tuple[Any, Any]:
    config = transformers.OneFormerConfig(
        backbone_config=swin(), conv_dim=32, mask_dim=32, **MASKS, **named(names), text_encoder_width=16,
        text_encoder_num_layers=1, text_encoder_vocab_size=100, text_encoder_context_length=16, task_seq_len=16,
    )  # fmt: skip
    # As published: names of classes that the processor would fetch from the hub if it were let.
    prepare = transformers.OneFormerImageProcessor(size={"shortest_edge": 64, "longest_edge": 120})
    return transformers.OneFormerForUniversalSegmentation(config), prepare


def eomt(names: Sequence[str] = COCO, split: bool = False) -> tuple[Any, Any]:
    config = transformers.EomtConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, image_size=64, patch_size=16, num_blocks=1,
        num_register_tokens=1, num_queries=9, num_upscale_blocks=1, **named(names),
    )  # fmt: skip
    size = {"shortest_edge": 64, "longest_edge": None if split else 64}
    prepare = transformers.EomtImageProcessor(size=size, do_split_image=split, do_pad=not split)
    return transformers.EomtForUniversalSegmentation(config), prepare


def save(folder: Path, made: tuple[Any, Any]) -> Path:
    """Write a network with weights of its own to a folder, as its authors would."""
    network, prepare = made
    torch.manual_seed(1)
    with torch.no_grad():  # wider than first weights are: else everything is one class with one score
        for name, parameter in network.named_parameters():
            if parameter.dim() > 1:
                width = 8 if "class_pred" in name or "quer" in name else 1.2
                torch.nn.init.normal_(parameter, std=width / parameter[0].numel() ** 0.5)
    network.save_pretrained(folder)
    prepare.save_pretrained(folder)
    if network.config.model_type == "oneformer":
        _write_tokenizer(folder)
    return folder


def _write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<pad>", "the", "task", "is", "semantic", "instance", "panoptic"]
    tokenizer = Tokenizer(models.WordLevel({word: id for id, word in enumerate(words)}, unk_token="<pad>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>").save_pretrained(folder)  # noqa: S106
