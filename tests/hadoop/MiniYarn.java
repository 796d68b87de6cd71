import java.io.File;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.yarn.conf.YarnConfiguration;
import org.apache.hadoop.yarn.server.MiniYARNCluster;

/** YARN with two NodeManagers, and HDFS with one DataNode, in one process on loopback; writes the addresses to a folder. */
public class MiniYarn {
    public static void main(String[] arguments) throws Exception {
        File home = new File(arguments[0]);
        Configuration conf = new YarnConfiguration();
        conf.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, new File(home, "hdfs").getPath());
        conf.setInt("dfs.replication", 1);
        conf.set("hadoop.tmp.dir", new File(home, "hadoop").getPath());
        String files = new MiniDFSCluster.Builder(conf).numDataNodes(1).build().getURI().toString();
        conf.set("fs.defaultFS", files);
        conf.set("yarn.app.mapreduce.am.staging-dir", "/staging");
        conf.set("yarn.scheduler.capacity.root.queues", "default");
        conf.set("yarn.scheduler.capacity.root.default.capacity", "100");
        conf.set("yarn.scheduler.capacity.maximum-am-resource-percent", "1");
        conf.setInt("yarn.scheduler.minimum-allocation-mb", 256);
        conf.setInt("yarn.nodemanager.resource.memory-mb", 4096);
        conf.setBoolean("yarn.nodemanager.vmem-check-enabled", false);
        conf.setBoolean("yarn.nodemanager.pmem-check-enabled", false);
        conf.setInt("yarn.nodemanager.delete.debug-delay-sec", 600);
        conf.set("yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage", "100");
        System.setProperty("test.build.data", new File(home, "yarn").getPath());
        System.setProperty("test.build.dir", new File(home, "yarn").getPath());
        MiniYARNCluster cluster = new MiniYARNCluster("mini", 2, 1, 1);
        cluster.init(conf);
        cluster.start();
        if (!cluster.waitForNodeManagersToConnect(60_000)) {
            throw new IllegalStateException("the NodeManagers have not registered");
        }
        Configuration all = cluster.getConfig();
        Configuration core = new Configuration(false);
        core.set("fs.defaultFS", files);
        Configuration yarn = new Configuration(false);
        for (var entry : all) {
            if (entry.getKey().matches("yarn\\.resourcemanager\\..*address|yarn\\.application\\.classpath")) {
                yarn.set(entry.getKey(), all.get(entry.getKey()));
            }
        }
        try (OutputStream out = new FileOutputStream(new File(home, "core-site.xml"))) {
            core.writeXml(out);
        }
        try (OutputStream out = new FileOutputStream(new File(home, "yarn-site.xml.partial"))) {
            yarn.writeXml(out);
        }
        Files.move(Path.of(home.getPath(), "yarn-site.xml.partial"), Path.of(home.getPath(), "yarn-site.xml"));
        while (System.in.read() >= 0) {
            // it lives as long as its parent
        }
        System.exit(0);
    }
}
