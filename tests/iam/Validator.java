import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/**
 * The broker's side of a login by a token of IAM, as Amazon documents it: the token is the address of a request to
 * kafka-cluster:Connect, signed by version 4. The one key that counts is in the environment.
 */
public class Validator implements AuthenticateCallbackHandler {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'");
    private static final String KEY = System.getenv("IAM_ACCESS_KEY_ID");
    private static final String SECRET = System.getenv("IAM_SECRET_ACCESS_KEY");
    private static final String REGION = System.getenv("IAM_REGION");

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {}

    @Override
    public void close() {}

    @Override
    public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (!(callback instanceof OAuthBearerValidatorCallback asked)) {
                throw new UnsupportedCallbackException(callback);
            }
            try {
                asked.token(accepted(asked.tokenValue()));
            } catch (Exception error) {
                System.err.println("Validator refuses: " + error);
                asked.error("invalid_token", null, null);
            }
        }
    }

    private static OAuthBearerToken accepted(String value) throws Exception {
        URI address = new URI(new String(Base64.getUrlDecoder().decode(value), StandardCharsets.UTF_8));
        Map<String, String> given = new HashMap<>();
        for (String pair : address.getRawQuery().split("&")) {
            String[] parts = pair.split("=", 2);
            given.put(parts[0], URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
        }
        LocalDateTime at = LocalDateTime.parse(given.get("X-Amz-Date"), TIME);
        String day = given.get("X-Amz-Date").substring(0, 8);
        String scope = day + "/" + REGION + "/kafka-cluster/aws4_request";
        require("host", "kafka." + REGION + ".amazonaws.com", address.getHost());
        require("action", "kafka-cluster:Connect", given.get("Action"));
        require("key", KEY + "/" + scope, given.get("X-Amz-Credential"));
        String query = Arrays.stream(address.getRawQuery().split("&"))
            .filter(pair -> !pair.startsWith("X-Amz-Signature=") && !pair.startsWith("User-Agent="))
            .sorted()
            .collect(Collectors.joining("&"));
        String request = "GET\n/\n" + query + "\nhost:" + address.getHost() + "\n\nhost\n" + digest("");
        String text = "AWS4-HMAC-SHA256\n" + given.get("X-Amz-Date") + "\n" + scope + "\n" + digest(request);
        byte[] key = ("AWS4" + SECRET).getBytes(StandardCharsets.UTF_8);
        for (String part : scope.split("/")) {
            key = sign(key, part);
        }
        require("signature", HexFormat.of().formatHex(sign(key, text)), given.get("X-Amz-Signature"));
        long start = at.toInstant(ZoneOffset.UTC).toEpochMilli();
        long end = start + 1000 * Long.parseLong(given.get("X-Amz-Expires"));
        if (Instant.now().toEpochMilli() > end) {
            throw new IllegalArgumentException("the token expired at " + Instant.ofEpochMilli(end));
        }
        return new Token(value, start, end);
    }

    private static void require(String what, String wanted, String given) {
        if (!wanted.equals(given)) {
            throw new IllegalArgumentException("another " + what + " than " + wanted + ": " + given);
        }
    }

    private static String digest(String text) throws Exception {
        byte[] content = text.getBytes(StandardCharsets.UTF_8);
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    }

    private static byte[] sign(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    private record Token(String value, Long startTimeMs, long lifetimeMs) implements OAuthBearerToken {
        @Override
        public Set<String> scope() {
            return Set.of();
        }

        @Override
        public String principalName() {
            return KEY;
        }
    }
}
