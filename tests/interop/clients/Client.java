// Java's HttpClient, run from this file.

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public class Client {
    static final int MIB = 1 << 20;
    static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    static String base;

    static byte[] lines(int length) {
        byte[] content = new byte[length];
        for (int line = 0; line < length / 16; line++) {
            int number = line;
            content[16 * line + 15] = '\n';
            for (int at = 14; at >= 0; at--, number /= 10) content[16 * line + at] = (byte) ('0' + number % 10);
        }
        return content;
    }

    static void check(boolean right, Object what) {
        if (!right) throw new AssertionError(String.valueOf(what));
    }

    static HttpRequest.Builder to(String path) {
        return HttpRequest.newBuilder(URI.create(base + path));
    }

    static void is(int status, String text, HttpRequest.Builder request) throws Exception {
        HttpResponse<String> answer = CLIENT.send(request.build(), BodyHandlers.ofString());
        check(answer.statusCode() == status && (text == null || answer.body().equals(text)), answer);
    }

    static void fails(HttpRequest.Builder request) throws Exception {
        try {
            CLIENT.send(request.build(), BodyHandlers.ofString());
        } catch (IOException expected) {
            return;
        }
        throw new AssertionError("it has not failed");
    }

    static BodyPublisher chunked(byte[] content) {
        return BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(content));
    }

    static long total(String path) throws Exception {
        InputStream content = CLIENT.send(to(path).build(), BodyHandlers.ofInputStream()).body();
        byte[] room = new byte[1 << 16];
        String last = "";
        long length = 0;
        for (int got; (got = content.readNBytes(room, 0, room.length)) > 0; length += got) {
            last = new String(room, got - 16, 16);
        }
        check(last.equals(String.format("%015d\n", length / 16 - 1)), last);
        return length;
    }

    /** Content that fails. */
    static class Broken extends InputStream {
        public int read() throws IOException {
            throw new IOException("given up");
        }
    }

    public static void main(String[] arguments) throws Exception {
        base = arguments[0];
        switch (arguments[1]) {
            case "keep-alive" -> {
                for (int i = 0; i < 2000; i++) is(200, "hello\n", to("/hello"));
            }
            case "upload" -> {
                byte[] content = lines(4 * MIB);
                for (int i = 0; i < 20; i++) is(200, "4194304\n", to("/upload").PUT(BodyPublishers.ofByteArray(content)));
            }
            case "chunked" -> {
                byte[] content = lines(4 * MIB);
                for (int i = 0; i < 20; i++) is(200, "4194304\n", to("/upload").PUT(chunked(content)));
            }
            case "expect" -> {
                BodyPublisher content = BodyPublishers.ofByteArray(lines(MIB));
                for (int i = 0; i < 5; i++) is(200, "1048576\n", to("/upload").PUT(content).expectContinue(true));
            }
            case "download" -> {
                check(total("/bytes/268435456") == 256 * MIB, "length");
                check(total("/stream/67108864") == 64 * MIB, "length");
            }
            case "range" -> {
                String part = new String(lines(3200), StandardCharsets.US_ASCII).substring(1600);
                for (int i = 0; i < 10; i++) is(206, part, to("/files/large").header("Range", "bytes=1600-3199"));
            }
            case "early" -> {
                byte[] content = lines(8 * MIB);
                for (int i = 0; i < 5; i++) is(413, null, to("/refuse").PUT(BodyPublishers.ofByteArray(content)));
            }
            case "abort" -> {
                for (int i = 0; i < 20; i++) {
                    HttpRequest request = to("/bytes/1073741824").build();
                    try (InputStream content = CLIENT.send(request, BodyHandlers.ofInputStream()).body()) {
                        check(content.readNBytes(MIB).length == MIB, "a beginning");
                    }
                }
                byte[] beginning = lines(MIB);
                for (int i = 0; i < 20; i++) {
                    fails(to("/upload").PUT(BodyPublishers.ofInputStream(
                            () -> new SequenceInputStream(new ByteArrayInputStream(beginning), new Broken()))));
                }
            }
            case "short" -> {
                for (int i = 0; i < 3; i++) fails(to("/abort"));
            }
            case "events" -> {
                for (int i = 0; i < 3; i++) {
                    String text = CLIENT.send(to("/events").build(), BodyHandlers.ofString()).body();
                    check(text.split("\ndata: event ").length == 101, text.length());
                }
            }
            case "websocket" -> websocket();
            default -> throw new AssertionError(arguments[1]);
        }
        // Its threads would go on for a while.
        System.exit(0);
    }

    static void websocket() throws Exception {
        LinkedBlockingQueue<Object> received = new LinkedBlockingQueue<>();
        WebSocket.Listener listener = new WebSocket.Listener() {
            final StringBuilder text = new StringBuilder();
            int bytes = 0;

            public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
                text.append(part);
                if (last) {
                    received.add(text.toString());
                    text.setLength(0);
                }
                socket.request(1);
                return null;
            }

            public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer part, boolean last) {
                bytes += part.remaining();
                if (last) received.add(bytes);
                socket.request(1);
                return null;
            }
        };
        URI address = URI.create(base.replace("http://", "ws://") + "/websocket");
        WebSocket socket = CLIENT.newWebSocketBuilder().buildAsync(address, listener).get(10, TimeUnit.SECONDS);
        for (int number = 0; number < 100; number++) {
            socket.sendText("message " + number, true).get();
            check(("message " + number).equals(received.poll(10, TimeUnit.SECONDS)), number);
        }
        socket.sendBinary(ByteBuffer.allocate(MIB), true).get();
        check(Integer.valueOf(MIB).equals(received.poll(10, TimeUnit.SECONDS)), "binary");
        socket.sendClose(WebSocket.NORMAL_CLOSURE, "").get();
    }
}
