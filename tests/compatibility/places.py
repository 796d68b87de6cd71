"""Where Spark and the checkpoint may be, and the sites that have them, for the cells of one session."""

import json
import subprocess
import sys
import venv
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, takewhile
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

import psutil
import pyspark

from bench.cluster import cluster
from local_stack import Stack
from local_stack.environment import PROPERTIES_FILE
from local_stack.jars import class_path
from local_stack.java import java_home
from tests.hadoop.yarn import Yarn, yarn_cluster
from tests.homes import fresh_home, own_stack
from tests.stores import CREDENTIALS, Store, running_store
from web_traffic.commands import main as web_traffic

LOCAL, STANDALONE, YARN = "local[*]", "standalone", "YARN"
FOLDER, HDFS, S3 = "a local folder", "HDFS", "S3"


@dataclass(frozen=True)
class Place:
    """One connection `spark_default`, and one `CHECKPOINT_LOCATION`."""

    master: str
    deploy_mode: str
    store: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The values, as the page shows them."""
        return self.master, self.deploy_mode, self.store

    @property
    def title(self) -> str:
        """The values, as one reads them out."""
        return f"{self.master}, {self.deploy_mode}, checkpoint on {self.store}"


PLACES = (
    *(Place(LOCAL, "client", store) for store in (FOLDER, HDFS, S3)),
    *(Place(STANDALONE, "client", store) for store in (FOLDER, HDFS, S3)),
    *(Place(YARN, mode, store) for mode in ("client", "cluster") for store in (HDFS, S3)),
)
"""A folder of one machine is no place for the checkpoint of drivers that YARN starts on any of them."""


@dataclass(frozen=True)
class Site:
    """What a run needs at a place."""

    root: str
    """Address below which checkpoints may lie."""
    environment: Mapping[str, str]
    properties: Mapping[str, str]
    file: Path
    """Where Spark's properties are."""
    yarn: Yarn | None = None
    """The cluster in which the driver runs, if it does."""

    def write(self, **more: str) -> None:
        """Write Spark's properties for the next runs."""
        given = dict(line.split(maxsplit=1) for line in PROPERTIES_FILE.read_text().splitlines())
        own = given | dict(self.properties) | more
        self.file.write_text("".join(f"{name} {value}\n" for name, value in own.items()))

    def stopped_driver(self) -> list[psutil.Process]:
        """Return the process of the driver that stands still in the cluster, and those of its container above it."""
        assert self.yarn
        found = self.yarn.stopped_processes()
        above = (takewhile(lambda one: one.pid != self.yarn.pid, process.parents()) for process in found)
        return [*found, *chain.from_iterable(above)]


@dataclass
class Sites:
    """Starts clusters and stores when the first cell needs them, and ends all of them together."""

    _ending: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.close()

    @cached_property
    def stack(self) -> Stack:
        return self._ending.enter_context(own_stack("compatibility-places", "postgres", "kafka"))

    @cached_property
    def folder(self) -> Path:
        return fresh_home("compatibility-sites")

    @cached_property
    def standalone(self) -> str:
        """Address of a master with two workers, whose Python has nothing in it."""
        environment = {"JAVA_HOME": str(java_home()), "PATH": "/usr/bin:/bin"}
        return self._ending.enter_context(cluster(2, "700m", environment, self.folder / "standalone"))

    @cached_property
    def yarn(self) -> Yarn:
        return self._ending.enter_context(yarn_cluster(self.folder / "yarn"))

    @cached_property
    def _workers(self) -> dict[str, str]:
        """Properties for workers that have neither this package nor its libraries."""
        venv.create(self.folder / "python", symlinks=True)
        assert web_traffic(["package", str(self.folder), "--libraries"]) == 0
        return {
            "spark.executor.memory": "600m",
            "spark.executor.instances": "2",
            "spark.pyspark.driver.python": sys.executable,
            "spark.pyspark.python": str(self.folder / "python" / "bin" / "python"),
            "spark.archives": f"{self.folder}/web_traffic_libraries.tar.gz#web_traffic_libraries",
        }

    def site(self, place: Place) -> Site:
        """Return what runs need there."""
        store, file = self._store(place), self.folder / "spark.conf"
        properties, environment, extra = self._master(place), {}, {"properties-file": str(file)}
        if place.store == S3:
            jars = ":".join(map(str, class_path("s3a")))
            properties |= {"spark.executor.extraClassPath": jars, "spark.driver.extraClassPath": jars}
            environment |= {name: one for name, one in store.environment.items() if name.startswith("AWS_")}
        if place.master == YARN or place.store == S3:
            environment["HADOOP_CONF_DIR"] = str(self._configuration(place, store))
        if place.deploy_mode == "cluster":
            extra |= {"deploy-mode": "cluster", "yarn_resourcemanager_webapp_address": self.yarn.address}
        connection = {"conn_type": "spark", "host": properties.pop("spark.master"), "extra": extra}
        environment["AIRFLOW_CONN_SPARK_DEFAULT"] = json.dumps(connection)
        in_cluster = self.yarn if place.deploy_mode == "cluster" else None
        return Site(store.root, environment, properties, file, in_cluster)

    def _master(self, place: Place) -> dict[str, str]:
        """Return Spark's properties for the place's master."""
        if place.master == LOCAL:
            return {"spark.master": LOCAL}
        if place.master == STANDALONE:
            return {"spark.master": self.standalone, **self._workers}
        on_loopback = {"SPARK_LOCAL_IP": "127.0.0.1"}
        properties = {
            "spark.master": "yarn",
            **self._workers,
            "spark.yarn.jars": f"local:{Path(pyspark.__file__).parent}/jars/*",
            "spark.driver.memory": "700m",
            **{f"spark.yarn.appMasterEnv.{name}": value for name, value in on_loopback.items()},
            **{f"spark.executorEnv.{name}": value for name, value in on_loopback.items()},
        }
        if place.deploy_mode == "cluster":
            del properties["spark.pyspark.driver.python"]  # the machines of the cluster have no such Python
        return properties

    def _store(self, place: Place) -> Store:
        if place.store == FOLDER:
            root = str(self.folder / "checkpoints")
            return Store(root, {}, root)
        if place.store == HDFS and place.master == YARN:
            return Store(self.yarn.files, {}, self.yarn.files)
        return running_store(place.store)

    def _configuration(self, place: Place, store: Store) -> Path:
        """Return a folder with Hadoop's configuration: of YARN, of S3, or of both."""
        sources = [self.yarn.home] if place.master == YARN else []
        sources += [Path(store.environment["HADOOP_CONF_DIR"])] if place.store == S3 else []
        made = self.folder / "hadoop"
        made.mkdir(exist_ok=True)
        for name in ("core-site.xml", "yarn-site.xml"):
            whole = ElementTree.Element("configuration")
            for file in (source / name for source in sources if (source / name).is_file()):
                whole.extend(ElementTree.parse(file).getroot())
            if name == "core-site.xml" and place.store == S3 and place.deploy_mode == "cluster":
                entry = ElementTree.SubElement(whole, "property")
                ElementTree.SubElement(entry, "name").text = "hadoop.security.credential.provider.path"
                ElementTree.SubElement(entry, "value").text = self._keys
            ElementTree.ElementTree(whole).write(made / name)
        return made

    @cached_property
    def _keys(self) -> str:
        """Address of a store of keys with the login at S3: no variable reaches a driver in the cluster."""
        address = f"localjceks://file{self.folder}/s3.jceks"
        shell = [str(java_home() / "bin" / "java"), "-cp", ":".join(map(str, class_path("hadoop")))]
        shell += ["org.apache.hadoop.security.alias.CredentialShell", "create"]
        for name, value in CREDENTIALS.items():
            subprocess.run([*shell, name, "-value", value, "-provider", address], check=True, capture_output=True)
        return address
