"""What the core ships, announced through the same hooks as any plugin."""

from __future__ import annotations

from dfcore.hookspecs import API, hookimpl
from dfcore.specs import ComponentSpec, DatasetSpec, RecipeSpec, StageSpec

DFCORE_API = API


_DEMO = DatasetSpec(
    "demo",
    "Demo",
    "dfcore.testing.demo.dataset:Demo",
    "small made videos in the FaceForensics++ layout: for trying and testing, no accuracy is claimed from them",
    generated=True,
    defaults={
        "model.backbone": "test_efficientnet",
        "model.pretrained": False,
        "stage.head_lr_factor": 10.0,
        "data.samples_per_video": 4,
        "data.eval_samples": 4,
    },
    reason="a small backbone from a random start, a higher rate for it, and few samples of each video, so that "
    "it learns within minutes on a CPU",
)


@hookimpl
def dfcore_backbones() -> list[ComponentSpec]:
    return [
        ComponentSpec("timm", "dfcore.models.backbones.backbone:TimmBackbone", "any timm model, by its own name"),
    ]


@hookimpl
def dfcore_attention_heads() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "cross", "dfcore.models.attention:CrossAttentionHead", "backbone and cue tokens attend to each other"
        ),
    ]


@hookimpl
def dfcore_classifiers() -> list[ComponentSpec]:
    return [
        ComponentSpec("mlp", "dfcore.models.classifier:MLPClassifier", "one hidden layer with dropout"),
        ComponentSpec("linear", "dfcore.models.classifier:LinearClassifier", "one linear layer"),
    ]


@hookimpl
def dfcore_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            "faceforensics",
            "FaceForensics++",
            "dfcore.data.datasets.faceforensics:FaceForensics",
            "raw, c23 and c40; all methods; DFD actors; official splits",
            "https://github.com/ondyari/FaceForensics",
        ),
        DatasetSpec(
            "celebdf",
            "Celeb-DF",
            "dfcore.data.datasets.celebdf:CelebDF",
            "versions 1 and 2; official test list; validation by identity",
            "https://github.com/yuezunli/celeb-deepfakeforensics",
        ),
        DatasetSpec(
            "dfdc",
            "DFDC",
            "dfcore.data.datasets.dfdc:DFDC",
            "any of the 50 parts, Kaggle's sample, the preview, the test set",
            "https://ai.meta.com/datasets/dfdc/",
            kaggle="competitions/deepfake-detection-challenge",
        ),
        DatasetSpec(
            "fakeavceleb",
            "FakeAVCeleb",
            "dfcore.data.datasets.fakeavceleb:FakeAVCeleb",
            "labels of images and of audio; splits by identity",
            "https://github.com/DASH-Lab/FakeAVCeleb",
        ),
        DatasetSpec(
            "folder",
            "Folder",
            "dfcore.data.datasets.folder:Folder",
            "your own videos or photos under real/ and fake/, at any depth",
        ),
        DatasetSpec(
            "csv",
            "CSV manifest",
            "dfcore.data.datasets.manifest:Manifest",
            "a table of your own: path, label, and split, group, manipulation, original, audio",
        ),
        DatasetSpec(
            "real_videos",
            "Real videos",
            "dfcore.data.datasets.real_videos:RealVideos",
            "any folder of real videos, for stage 0",
        ),
        _DEMO,
    ]


@hookimpl
def dfcore_stages() -> list[StageSpec]:
    return [
        StageSpec(
            0,
            "Real videos",
            "real_videos",
            1e-4,
            4,
            "cross_entropy",
            summary="optional: the specialist's own pseudo-fakes against their controls",
            pretraining=True,
        ),
        StageSpec(1, "FaceForensics++", "faceforensics", 1e-4, 6, "cross_entropy"),
        StageSpec(2, "Celeb-DF", "celebdf", 5e-5, 5, "focal", after=1),
        StageSpec(
            4,
            "DFDC",
            "dfdc",
            1e-5,
            2,
            "weighted_cross_entropy",
            after=2,
            summary="2 epochs per chunk",
            chunks=(9, 8, 3, 5, 7, 2, 6, 4, 1, 0),
        ),
    ]


@hookimpl
def dfcore_losses() -> list[ComponentSpec]:
    return [
        ComponentSpec("cross_entropy", "dfcore.training.losses:CrossEntropy", "cross-entropy with class weights"),
        ComponentSpec(
            "weighted_cross_entropy",
            "dfcore.training.losses:CrossEntropy",
            "the same, where the sampler leaves a share of the class correction to it (stage.balance_power below 1)",
        ),
        ComponentSpec("focal", "dfcore.training.losses:Focal", "focal loss; stage.focal_gamma, stage.focal_alpha"),
    ]


@hookimpl
def dfcore_feature_losses() -> list[ComponentSpec]:
    return [
        ComponentSpec("alignment", "dfcore.training.features:Alignment", "features of one class lie near each other"),
        ComponentSpec("uniformity", "dfcore.training.features:Uniformity", "features lie evenly on the sphere"),
    ]


@hookimpl
def dfcore_feature_augmentations() -> list[ComponentSpec]:
    return [
        ComponentSpec("slerp", "dfcore.training.features:Slerp", "spherical interpolation within a class"),
    ]


@hookimpl
def dfcore_recipes() -> list[RecipeSpec]:
    return [
        RecipeSpec(
            "record",
            "Norm-tuned foundation encoder",
            {
                "model.backbone": "vit_pe_core_large_patch14_336.fb",
                "model.image_size": 224,
                "model.backbone_input_size": 224,
                "model.tune": "norms",
                "model.normalize_features": True,
                "model.classifier": "linear",
                "model.dropout": 0.0,
                "stage.lr": 8e-5,
                "stage.final_lr": 5e-5,
                "stage.warmup": 0.0,
                "stage.weight_decay": 0.0,
                "stage.batch_size": 128,
                "stage.loss": "cross_entropy",
                "stage.feature_losses": ("uniformity=0.5", "alignment=0.1"),
                "stage.feature_augment": ("slerp",),
                "data.sampler": "pairs",
                "data.samples_per_video": 32,
                "data.eval_samples": 32,
            },
            "only the norms of a Perception Encoder are trained, with pairs, alignment and uniformity",
            ("https://arxiv.org/abs/2503.19683", "https://arxiv.org/abs/2508.06248"),
        ),
    ]


@hookimpl
def dfcore_face_detectors() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "centerface",
            "dfcore.data.faces.centerface:CenterFace",
            "CenterFace (MIT) through onnxruntime, five landmarks",
        ),
    ]


@hookimpl
def dfcore_callbacks() -> list[ComponentSpec]:
    return [
        ComponentSpec("progress", "dfcore.training.callbacks.progress:Progress", "progress bars"),
        ComponentSpec(
            "metrics", "dfcore.training.callbacks.metrics_log:MetricsLog", "metrics.jsonl and the curves' plot"
        ),
        ComponentSpec(
            "checkpoints", "dfcore.training.callbacks.checkpoints:Checkpoints", "best epochs and the final weights"
        ),
        ComponentSpec(
            "disk",
            "dfcore.training.callbacks.disk_watch:DiskWatch",
            "warns if checkpoints may not fit on the disk",
        ),
        ComponentSpec(
            "early_stop", "dfcore.training.callbacks.early_stop:EarlyStop", "stops when validation gets no better"
        ),
        ComponentSpec(
            "tensorboard",
            "dfcore.training.callbacks.tensorboard:TensorBoard",
            "the lines of metrics.jsonl as TensorBoard's scalars",
        ),
    ]
