import java.io.FileInputStream;
import java.io.InputStream;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Sends a record five times in a second, for some seconds, by a client of the properties in a file. */
public class Sender {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        try (InputStream file = new FileInputStream(arguments[0])) {
            properties.load(file);
        }
        properties.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        properties.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties)) {
            long end = System.nanoTime() + Long.parseLong(arguments[2]) * 1_000_000_000L;
            int sent = 0;
            for (; System.nanoTime() < end; sent++) {
                producer.send(new ProducerRecord<>(arguments[1], "{}")).get();
                Thread.sleep(200);
            }
            System.out.println(sent);
        }
    }
}
