import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import uk.co.smartdcc.boxed.xmldsig.Sign;

/**
 * The DCC's Sign behind the JDK's own HttpServer, with its default executor: one request at a time. Keys are those of the
 * tool, which it looks up by the originator of each message. Of the JSON only the two members are looked for, which is
 * less work than to parse it. Writes its port to standard output, and ends with standard input.
 */
public final class ToolServer {
    private static final PrintStream NOWHERE = new PrintStream(OutputStream.nullOutputStream());

    private ToolServer() {}

    public static void main(String[] args) throws Exception {
        InputStream control = System.in;
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/sign", ToolServer::sign);
        server.setExecutor(null);
        server.start();
        System.out.println(server.getAddress().getPort());
        System.out.flush();
        while (control.read() >= 0) {}
        server.stop(0);
        System.exit(0);
    }

    private static void sign(HttpExchange exchange) throws IOException {
        String request = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        int start = request.indexOf(':', request.indexOf("\"message\"")) + 1;
        start = request.indexOf('"', start) + 1;
        byte[] document = Base64.getDecoder().decode(request.substring(start, request.indexOf('"', start)));
        List<String> arguments = new ArrayList<>(List.of("-"));
        if (request.contains("\"preserveCounter\": true")) {
            arguments.add("--preserveCounter");
        }
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        System.setIn(new ByteArrayInputStream(document));
        System.setOut(new PrintStream(output, false, StandardCharsets.UTF_8));
        System.setErr(NOWHERE);
        int code = Sign.main_aux(arguments.toArray(new String[0])).value();
        System.out.flush();
        String body = code == 0
                ? "{\"message\":\"" + Base64.getEncoder().encodeToString(output.toByteArray()) + "\"}"
                : "{\"error\":\"exit code\",\"errorCode\":\"" + code + "\"}";
        byte[] octets = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(code == 0 ? 200 : 400, octets.length);
        exchange.getResponseBody().write(octets);
        exchange.close();
    }
}
