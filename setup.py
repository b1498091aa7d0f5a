"""The package: what is installed, and what Beam's ``--setup_file`` ships to remote workers."""

from setuptools import find_packages, setup

# Two stacks of packages, told apart by the Python that runs them ("Versions" in README.md). The old
# one can go when the last system with a glibc below 2.39 does: Debian 12, in June 2028.
OLD = 'python_version < "3.12"'
DEFAULT = 'python_version >= "3.12"'

SERVING = [
    "aiohttp",
    "cryptography",
    # The search among templates.
    "faiss-cpu",
    # 1.48 is the last release line that works with protobuf 3.20, which TensorFlow 2.16 needs here.
    f"grpcio-health-checking>=1.48,<1.49; {OLD}",
    f"grpcio-health-checking; {DEFAULT}",
    "httpx",
    "prometheus-client",
    "SQLAlchemy>=2",
    "starlette",
    "uvicorn",
    "uvloop",
]

KUBEFLOW = ["kfp>=2.5,<3"]

TUNING = ["keras-tuner>=1.4.7"]

# The weights of network dlib_resnet (CC0), 100 MB.
FACES = ["face_recognition_models==0.3.0"]

# The site, see mkdocs.yml; the configuration reference reads the package itself.
DOCS = [
    "mkdocs>=1.6,<2",
    "mkdocs-material>=9.5",
    "mkdocstrings[python]>=0.27",
    # mkdocstrings 1.0 makes its highlighter as releases before 12 have it.
    "pymdown-extensions<12",
]

DEV = [
    *DOCS,
    # The independent implementation that dlib_resnet is tested against.
    "dlib-bin>=20",
    # The layers, see pyproject.toml.
    "import-linter",
    "mypy",
    # Run the example notebook in a test.
    "ipykernel",
    # What docs/schemas says of the records is tested.
    "jsonschema",
    "nbclient",
    # An ONNX file is made and turned into a SavedModel in a test, as the docs say.
    "onnx",
    "onnx2keras>=0.0.25",
    "hypothesis",
    # A store for s3:// addresses, and what its server needs: moto[server] asks for 30 packages.
    "flask",
    "flask-cors",
    "moto[s3]",
    "pytest",
    "ruff",
    # Drives the browser (Debian: chromium, chromium-driver) in the tests of the web page.
    "selenium",
    "types-PyYAML",
]

setup(
    name="faceauth",
    version="0.2.0",
    description="Face verification with Siamese networks, as a TFX pipeline",
    license="Apache-2.0",
    license_files=["LICENSE"],
    # tfx 1.16.0 is built for 3.9 and 3.10, and tfx 1.21.0 for 3.12 and later of these.
    python_requires=">=3.10,!=3.11.*,<3.14",
    packages=find_packages(
        include=[
            package
            for name in ("pipeline", "components", "faces", "schemas", "data", "serving")
            for package in (name, f"{name}.*")
        ]
    ),
    package_data={
        "schemas": ["*.pbtxt"],
        "pipeline": ["configs/*.yaml", "configs/beam/*.yaml"],
        "components.report": ["static/*", "templates/*"],
        "serving.tf_serving": ["*.config", "*.txt", "*.yaml", "kubernetes/*.yaml"],
        "serving.web": ["static/*", "static/vendor/pico/*"],
    },
    install_requires=[
        f"apache-beam[gcp]==2.65.0; {OLD}",
        f"apache-beam[gcp]==2.77.0; {DEFAULT}",
        # 2.28 and later scan every installed distribution at import on Python 3.10.
        f"google-api-core<2.25; {OLD}",
        "Jinja2",
        # Older releases have known deserialisation vulnerabilities (CVE-2025-1550 and later).
        f"keras>=3.12.4,<3.13; {OLD}",
        f"keras>=3.15.1,<3.16; {DEFAULT}",
        # Reads the weights of mtcnn.
        "lz4>=4.3.3",
        "Markdown",
        "matplotlib",
        # Only for the weights that it carries (faces/weights.py knows their digests).
        "mtcnn==1.0.0",
        f"numpy<2; {OLD}",
        f"numpy>=2; {DEFAULT}",
        "Pillow",
        # The tfx command runs it.
        "pip",
        "pydantic>=2",
        "PyYAML",
        "psutil",
        "rich",
        "scikit-learn",
        # tensorflow_hub imports pkg_resources.
        "setuptools<81",
        "tensorboard",
        f"tensorflow==2.16.2; {OLD}",
        f"tensorflow==2.21.0; {DEFAULT}",
        f"tensorflow-data-validation==1.16.1; {OLD}",
        f"tensorflow-data-validation==1.21.0; {DEFAULT}",
        f"tensorflow-model-analysis==0.47.1; {OLD}",
        f"tensorflow-model-analysis==0.52.0; {DEFAULT}",
        # The protos of warm-up requests, and the stubs that check how a model is served.
        f"tensorflow-serving-api==2.16.1; {OLD}",
        f"tensorflow-serving-api==2.19.1; {DEFAULT}",
        f"tfx==1.16.0; {OLD}",
        f"tfx==1.21.0; {DEFAULT}",
    ],
    extras_require={
        "serving": SERVING,
        # For a template store in PostgreSQL; SQLite needs nothing.
        "postgresql": ["psycopg[binary]>=3.2"],
        # Photos at s3:// addresses; what gs:// needs comes with Beam.
        "s3": ["boto3"],
        "kubeflow": KUBEFLOW,
        "tuning": TUNING,
        "faces": FACES,
        "docs": DOCS,
        "dev": DEV,
    },
    entry_points={"console_scripts": ["faceauth = pipeline.faceauth:main"]},
)
