package dev.wxident.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import dev.wxident.client.AccessToken;
import dev.wxident.client.AccessTokenSource;
import dev.wxident.client.FieldViolation;
import dev.wxident.client.Reason;
import dev.wxident.client.SessionAuthenticator;
import dev.wxident.client.TraceContext;
import dev.wxident.client.WxidentClient;
import dev.wxident.client.WxidentException;
import dev.wxident.v1.BatchGetUsersRequest;
import dev.wxident.v1.CheckSessionKeyRequest;
import dev.wxident.v1.DecryptPhoneRequest;
import dev.wxident.v1.DecryptUserDataRequest;
import dev.wxident.v1.GetAccessTokenRequest;
import dev.wxident.v1.GetAuthorizeUrlRequest;
import dev.wxident.v1.GetJsapiSignatureRequest;
import dev.wxident.v1.GetUserInfoRequest;
import dev.wxident.v1.GetUserRequest;
import dev.wxident.v1.LoginRequest;
import dev.wxident.v1.RefreshSessionRequest;
import dev.wxident.v1.RevokeSessionRequest;
import dev.wxident.v1.ValidateSessionRequest;
import io.grpc.internal.GrpcUtil;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiFunction;
import java.util.function.Supplier;

/**
 * Does what tests/conformance asks for, through this client: one JSON object a line on stdin, one
 * answer a line on stdout.
 */
public final class Runner {
  private static final ThreadLocal<TraceContext> TRACE = new ThreadLocal<>();

  /** One RPC through the client's own method. */
  private record Rpc(
      Supplier<Message.Builder> request, BiFunction<WxidentClient, Message, MessageOrBuilder> call) {}

  private static final Map<String, Rpc> RPCS = new HashMap<>();

  private static <Q extends Message> void rpc(
      String name,
      Supplier<Message.Builder> request,
      Class<Q> type,
      BiFunction<WxidentClient, Q, MessageOrBuilder> call) {
    RPCS.put(name, new Rpc(request, (client, message) -> call.apply(client, type.cast(message))));
  }

  static {
    rpc("Login", LoginRequest::newBuilder, LoginRequest.class, WxidentClient::login);
    rpc(
        "ValidateSession",
        ValidateSessionRequest::newBuilder,
        ValidateSessionRequest.class,
        WxidentClient::validateSession);
    rpc(
        "RefreshSession",
        RefreshSessionRequest::newBuilder,
        RefreshSessionRequest.class,
        WxidentClient::refreshSession);
    rpc(
        "RevokeSession",
        RevokeSessionRequest::newBuilder,
        RevokeSessionRequest.class,
        WxidentClient::revokeSession);
    rpc(
        "CheckSessionKey",
        CheckSessionKeyRequest::newBuilder,
        CheckSessionKeyRequest.class,
        WxidentClient::checkSessionKey);
    rpc(
        "DecryptPhone",
        DecryptPhoneRequest::newBuilder,
        DecryptPhoneRequest.class,
        WxidentClient::decryptPhone);
    rpc(
        "DecryptUserData",
        DecryptUserDataRequest::newBuilder,
        DecryptUserDataRequest.class,
        WxidentClient::decryptUserData);
    rpc(
        "GetUserInfo",
        GetUserInfoRequest::newBuilder,
        GetUserInfoRequest.class,
        WxidentClient::getUserInfo);
    rpc(
        "GetAccessToken",
        GetAccessTokenRequest::newBuilder,
        GetAccessTokenRequest.class,
        WxidentClient::getAccessToken);
    rpc(
        "GetJsapiSignature",
        GetJsapiSignatureRequest::newBuilder,
        GetJsapiSignatureRequest.class,
        WxidentClient::getJsapiSignature);
    rpc(
        "GetAuthorizeUrl",
        GetAuthorizeUrlRequest::newBuilder,
        GetAuthorizeUrlRequest.class,
        WxidentClient::getAuthorizeUrl);
    rpc("GetUser", GetUserRequest::newBuilder, GetUserRequest.class, WxidentClient::getUser);
    rpc(
        "BatchGetUsers",
        BatchGetUsersRequest::newBuilder,
        BatchGetUsersRequest.class,
        WxidentClient::batchGetUsers);
  }

  private final PrintStream out;
  private final Map<String, WxidentClient> clients = new ConcurrentHashMap<>();
  private final Map<String, AccessTokenSource> sources = new ConcurrentHashMap<>();
  private final Map<String, Guard> guards = new ConcurrentHashMap<>();

  private Runner(PrintStream out) {
    this.out = out;
  }

  /**
   * Runs until {@code exit}, or the end of stdin.
   *
   * @param arguments none
   * @throws IOException when stdin cannot be read
   */
  public static void main(String[] arguments) throws IOException {
    PrintStream answers =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    // Whatever else prints must not come between the answers.
    System.setOut(System.err);
    Runner runner = new Runner(answers);
    ExecutorService workers =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task);
              thread.setDaemon(true);
              return thread;
            });
    BufferedReader requests =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      if (line.isBlank()) {
        continue;
      }
      JsonObject request = JsonParser.parseString(line).getAsJsonObject();
      String op = request.get("op").getAsString();
      if (op.equals("exit")) {
        runner.closeAll();
        runner.answer(request, "ok", new JsonObject());
        System.exit(0);
      }
      workers.execute(() -> runner.handle(request, op));
    }
    runner.closeAll();
    System.exit(0);
  }

  private void closeAll() {
    guards.values().forEach(Guard::close);
    clients.values().forEach(WxidentClient::close);
  }

  private void answer(JsonObject request, String member, JsonElement value) {
    JsonObject line = new JsonObject();
    line.add("id", request.get("id"));
    line.add(member, value);
    synchronized (out) {
      out.println(line);
    }
  }

  private void handle(JsonObject request, String op) {
    try {
      JsonElement given = request.get("args");
      JsonObject args = given == null ? new JsonObject() : given.getAsJsonObject();
      answer(request, "ok", perform(op, args));
    } catch (WxidentException e) {
      answer(request, "error", error(e));
    } catch (IllegalArgumentException e) {
      answer(request, "error", error("INVALID_ARGUMENT", e));
    } catch (Exception e) {
      e.printStackTrace();
      answer(request, "error", error("INTERNAL", e));
    }
  }

  private static JsonObject error(String code, Exception e) {
    JsonObject error = new JsonObject();
    error.addProperty("reason", "");
    error.addProperty("code", code);
    error.addProperty("message", String.valueOf(e.getMessage()));
    error.addProperty("kind", e.getClass().getSimpleName());
    return error;
  }

  private static JsonObject error(WxidentException e) {
    JsonObject error = new JsonObject();
    error.addProperty("reason", e.reasonName());
    error.addProperty("code", e.code().name());
    e.errcode().ifPresent(errcode -> error.addProperty("errcode", errcode));
    e.retryAfter().ifPresent(wait -> error.addProperty("retry_after_ms", wait.toMillis()));
    e.requestId().ifPresent(id -> error.addProperty("request_id", id));
    if (!e.violations().isEmpty()) {
      com.google.gson.JsonArray fields = new com.google.gson.JsonArray();
      e.violations().stream().map(FieldViolation::field).forEach(fields::add);
      error.add("violations", fields);
    }
    error.addProperty("message", e.getMessage());
    error.addProperty(
        "kind",
        e.reason() == Reason.UNSPECIFIED ? "WxidentException" : "Reason." + e.reason().name());
    return error;
  }

  private JsonObject perform(String op, JsonObject args) throws Exception {
    JsonObject ok = new JsonObject();
    switch (op) {
      case "hello" -> {
        ok.addProperty("language", "java");
        ok.addProperty("client_version", WxidentClient.VERSION);
        ok.addProperty("grpc_version", GrpcUtil.getGrpcBuildVersion().getImplementationVersion());
      }
      case "open" -> open(args);
      case "open_env" -> {
        Map<String, String> env = new HashMap<>();
        args.getAsJsonObject("env")
            .entrySet()
            .forEach(one -> env.put(one.getKey(), one.getValue().getAsString()));
        put(text(args, "name"), WxidentClient.builderFromEnv(env));
      }
      case "close" -> {
        String name = text(args, "name");
        WxidentClient client = clients.remove(name);
        if (client != null) {
          client.close();
        }
        guards
            .entrySet()
            .removeIf(
                entry -> {
                  boolean its = entry.getKey().startsWith(name + "\n");
                  if (its) {
                    entry.getValue().close();
                  }
                  return its;
                });
      }
      case "call" -> ok.add("response", call(args));
      case "token_source" ->
          sources.put(text(args, "name"), client(args).accessTokenSource(text(args, "app_id")));
      case "token_get" -> {
        AccessTokenSource source = source(args);
        token(
            ok,
            args.has("deadline_ms")
                ? source.get(Duration.ofMillis(args.get("deadline_ms").getAsLong()))
                : source.get());
      }
      case "token_reject" ->
          token(ok, source(args).reportRejected(text(args, "access_token")));
      case "token_close" -> {
        AccessTokenSource source = sources.remove(text(args, "source"));
        if (source != null) {
          source.close();
        }
      }
      case "authenticate" -> authenticate(args, ok);
      default -> throw new IllegalArgumentException("there is no op " + op);
    }
    return ok;
  }

  private void open(JsonObject args) {
    WxidentClient.Builder builder = WxidentClient.builder(text(args, "address"));
    if (args.has("insecure")) {
      builder.insecure(args.get("insecure").getAsBoolean());
    }
    if (has(args, "ca_file")) {
      builder.caFile(Path.of(text(args, "ca_file")));
    }
    if (has(args, "cert_file") || has(args, "key_file")) {
      builder.clientCertificate(
          has(args, "cert_file") ? Path.of(text(args, "cert_file")) : null,
          has(args, "key_file") ? Path.of(text(args, "key_file")) : null);
    }
    if (has(args, "server_name")) {
      builder.serverName(text(args, "server_name"));
    }
    put(text(args, "name"), builder);
  }

  private void put(String name, WxidentClient.Builder builder) {
    clients.put(name, builder.traceContext(TRACE::get).build());
  }

  private static boolean has(JsonObject args, String name) {
    return args.has(name) && !args.get(name).isJsonNull() && !text(args, name).isEmpty();
  }

  private static String text(JsonObject args, String name) {
    JsonElement value = args.get(name);
    return value == null || value.isJsonNull() ? "" : value.getAsString();
  }

  private WxidentClient client(JsonObject args) {
    WxidentClient client = clients.get(text(args, "client"));
    if (client == null) {
      throw new IllegalArgumentException("there is no client " + text(args, "client"));
    }
    return client;
  }

  private AccessTokenSource source(JsonObject args) {
    AccessTokenSource source = sources.get(text(args, "source"));
    if (source == null) {
      throw new IllegalArgumentException("there is no token source " + text(args, "source"));
    }
    return source;
  }

  private static void token(JsonObject ok, AccessToken token) {
    ok.addProperty("access_token", token.value());
    ok.addProperty("generation", String.valueOf(token.generation()));
  }

  private JsonElement call(JsonObject args) throws InvalidProtocolBufferException {
    Rpc rpc = RPCS.get(text(args, "method"));
    if (rpc == null) {
      throw new IllegalArgumentException("there is no RPC " + text(args, "method"));
    }
    Message.Builder request = rpc.request().get();
    if (args.has("request")) {
      JsonFormat.parser().merge(args.get("request").toString(), request);
    }
    WxidentClient client = client(args);
    if (args.has("deadline_ms")) {
      client = client.withTimeout(Duration.ofMillis(args.get("deadline_ms").getAsLong()));
    }
    if (has(args, "traceparent")) {
      TRACE.set(new TraceContext(text(args, "traceparent")));
    }
    try {
      MessageOrBuilder response = rpc.call().apply(client, request.build());
      return JsonParser.parseString(
          JsonFormat.printer()
              .preservingProtoFieldNames()
              .omittingInsignificantWhitespace()
              .print(response));
    } finally {
      TRACE.remove();
    }
  }

  private void authenticate(JsonObject args, JsonObject ok) throws Exception {
    boolean strong = args.has("strong") && args.get("strong").getAsBoolean();
    WxidentClient client = client(args);
    Guard guard =
        guards.computeIfAbsent(
            text(args, "client") + "\n" + strong,
            key -> new Guard(SessionAuthenticator.builder(client).strong(strong).build()));
    Map<String, String> headers = new HashMap<>();
    if (args.has("headers")) {
      args.getAsJsonObject("headers")
          .entrySet()
          .forEach(header -> headers.put(header.getKey(), header.getValue().getAsString()));
    }
    if (text(args, "kind").equals("grpc")) {
      guard.grpc(headers, ok);
    } else {
      guard.http(headers, ok);
    }
  }
}
