"""What Pusher's cache key depends on besides its inputs: which other model was pushed last."""

from pathlib import Path

from tfx.dsl.components.base import base_driver
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration.portable import base_driver as launcher_driver
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import standard_component_specs

from components.artifacts import model_folder
from components.local_copies import local_folder
from components.pusher.executor import serving_dir
from components.pusher.versions import newest_other

NEWEST_OTHER = "newest_other_version"


class Driver(base_driver.BaseDriver, launcher_driver.BaseDriver):
    """Adds an execution property to the cache key: the newest version that is another model.

    Without it, the run of a model that was pushed once, and then another one after it, would find
    its own push in the cache and leave the other one served.
    """

    def __init__(self, metadata_handle: metadata.Metadata):
        base_driver.BaseDriver.__init__(self, metadata_handle)
        launcher_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """See the class."""
        path = model_folder(execution_info.input_dict[standard_component_specs.MODEL_KEY])
        result = driver_output_pb2.DriverOutput()
        with local_folder(path) as model:
            newest = newest_other(serving_dir(execution_info.exec_properties), Path(model))
        data_types_utils.set_metadata_value(result.exec_properties[NEWEST_OTHER], newest)
        return result
