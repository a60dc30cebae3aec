package dev.wxident.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.Status.Code;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/**
 * What each call that fails ends with. {@link #reason} tells why, for programs to switch on, and
 * the message what to do next. It holds no token, code or phone number, and may be logged.
 *
 * <pre>{@code
 * try {
 *   client.login(request);
 * } catch (WxidentException e) {
 *   switch (e.reason()) {
 *     case LOGIN_CODE_INVALID, LOGIN_CODE_CONSUMED -> askForANewCode();
 *     case SNAPSHOT_USER -> askForTheFullPage();
 *     default -> throw e;
 *   }
 * }
 * }</pre>
 */
public final class WxidentException extends RuntimeException {
  private static final long serialVersionUID = 1;
  private static final String DOMAIN = "wxident";
  private static final Metadata.Key<String> REQUEST_ID =
      Metadata.Key.of("wxident-request-id", Metadata.ASCII_STRING_MARSHALLER);

  /** What to do about an error that wxident itself did not make. */
  private static final Map<Code, String> ADVICE = new EnumMap<>(Code.class);

  static {
    ADVICE.put(Code.CANCELLED, "the caller gave the call up");
    ADVICE.put(
        Code.DEADLINE_EXCEEDED,
        "the deadline passed before an answer came; give the call more time, or try again");
    ADVICE.put(
        Code.UNAVAILABLE,
        "the server could not be reached; try again, and check the address and TLS settings if it"
            + " stays so");
    ADVICE.put(
        Code.UNAUTHENTICATED,
        "the server does not accept who is calling; check the client certificate");
    ADVICE.put(
        Code.PERMISSION_DENIED,
        "the server does not let this service make the call; have its operator allow it");
    ADVICE.put(
        Code.UNIMPLEMENTED,
        "the server does not know the call; it is older than this client, or the address is"
            + " another service's");
    ADVICE.put(
        Code.RESOURCE_EXHAUSTED,
        "a message is larger than the limit, or the server is full; ask for less, or try again"
            + " later");
    ADVICE.put(Code.INVALID_ARGUMENT, "mend the request");
  }

  private final String method;
  private final Reason reason;
  private final String reasonName;
  private final Code code;
  private final transient Map<String, String> metadata;
  private final transient List<FieldViolation> violations;
  private final Duration retryAfter;
  private final String requestId;

  private WxidentException(
      String method,
      String reasonName,
      Code code,
      String message,
      Map<String, String> metadata,
      List<FieldViolation> violations,
      Duration retryAfter,
      String requestId,
      Throwable cause) {
    super(
        method
            + ": "
            + (reasonName.isEmpty() ? code.name() : reasonName)
            + ": "
            + message
            + (requestId == null ? "" : " (request " + requestId + ")"),
        cause);
    this.method = method;
    this.reason = Reason.named(reasonName);
    this.reasonName = reasonName;
    this.code = code;
    this.metadata = metadata;
    this.violations = violations;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }

  /** An error that this client makes itself. */
  static WxidentException of(String method, Code code, String message) {
    return new WxidentException(method, "", code, message, Map.of(), List.of(), null, null, null);
  }

  /** An error that this client makes itself, for a reason of the server's. */
  static WxidentException of(String method, Reason reason, String message) {
    return new WxidentException(
        method, reason.name(), reason.code(), message, Map.of(), List.of(), null, null, null);
  }

  /** What a failed gRPC call, or a future that waited for one, comes to. */
  static WxidentException of(String method, Throwable failure) {
    Throwable cause = failure;
    while ((cause instanceof CompletionException || cause instanceof ExecutionException)
        && cause.getCause() != null) {
      cause = cause.getCause();
    }
    if (cause instanceof WxidentException known) {
      return known;
    }
    Status status = Status.fromThrowable(cause);
    String reasonName = "";
    Map<String, String> metadata = Map.of();
    List<FieldViolation> violations = new ArrayList<>();
    Duration retryAfter = null;
    for (Any detail : details(cause)) {
      try {
        if (detail.is(ErrorInfo.class)) {
          ErrorInfo info = detail.unpack(ErrorInfo.class);
          if (info.getDomain().equals(DOMAIN)) {
            reasonName = info.getReason();
            metadata = Map.copyOf(info.getMetadataMap());
          }
        } else if (detail.is(BadRequest.class)) {
          for (BadRequest.FieldViolation violation :
              detail.unpack(BadRequest.class).getFieldViolationsList()) {
            violations.add(new FieldViolation(violation.getField(), violation.getDescription()));
          }
        } else if (detail.is(RetryInfo.class)) {
          com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        }
      } catch (InvalidProtocolBufferException e) {
        // What cannot be read says nothing; the code and the message are there.
        continue;
      }
    }
    String message = status.getDescription() == null ? "no message" : status.getDescription();
    if (reasonName.isEmpty()) {
      // What wxident says ends with what to do; what others say does not.
      message = elaborate(status);
    }
    return new WxidentException(
        method,
        reasonName,
        status.getCode(),
        message,
        metadata,
        List.copyOf(violations),
        retryAfter,
        requestId(cause),
        cause);
  }

  /** What gRPC says, why where it knows, and what to do. */
  private static String elaborate(Status status) {
    StringBuilder message = new StringBuilder();
    if (status.getDescription() != null) {
      // Further lines tell of its inside.
      message.append(status.getDescription().lines().findFirst().orElse(""));
    }
    Throwable root = status.getCause();
    while (root != null && root.getCause() != null) {
      root = root.getCause();
    }
    if (root != null && root.getMessage() != null) {
      message.append(" (").append(root.getMessage().lines().findFirst().orElse("")).append(')');
    }
    String advice = ADVICE.get(status.getCode());
    if (advice != null) {
      message.append(message.length() == 0 ? "" : "; ").append(advice);
    }
    return message.length() == 0 ? "no message" : message.toString();
  }

  private static List<Any> details(Throwable failure) {
    if (!(failure instanceof StatusRuntimeException) && !(failure instanceof StatusException)) {
      return List.of();
    }
    try {
      com.google.rpc.Status status = StatusProto.fromThrowable(failure);
      return status == null ? List.of() : status.getDetailsList();
    } catch (IllegalArgumentException e) {
      // The details are of another status.
      return List.of();
    }
  }

  private static String requestId(Throwable failure) {
    Metadata trailers = Status.trailersFromThrowable(failure);
    return trailers == null ? null : trailers.get(REQUEST_ID);
  }

  /**
   * The call that failed.
   *
   * @return such as {@code Login}
   */
  public String method() {
    return method;
  }

  /**
   * Why it failed.
   *
   * @return the reason, or {@link Reason#UNSPECIFIED}
   */
  public Reason reason() {
    return reason;
  }

  /**
   * The reason as the server wrote it, which may be newer than this client.
   *
   * @return such as {@code LOGIN_CODE_INVALID}, or empty
   */
  public String reasonName() {
    return reasonName;
  }

  /**
   * The gRPC code.
   *
   * @return the code
   */
  public Code code() {
    return code;
  }

  /**
   * More about the reason: {@code errcode} and {@code rid} where WeChat answered.
   *
   * @return what the server told
   */
  public Map<String, String> metadata() {
    return metadata == null ? Map.of() : metadata;
  }

  /**
   * WeChat's errcode.
   *
   * @return it, where WeChat answered
   */
  public Optional<String> errcode() {
    return Optional.ofNullable(metadata().get("errcode"));
  }

  /**
   * WeChat's id of the request, for its support.
   *
   * @return it, where WeChat gave one
   */
  public Optional<String> rid() {
    return Optional.ofNullable(metadata().get("rid"));
  }

  /**
   * The wrong fields of the request.
   *
   * @return one for each; empty when the request is not what is wrong
   */
  public List<FieldViolation> violations() {
    return violations == null ? List.of() : violations;
  }

  /**
   * How long the server asks to wait before the next try.
   *
   * @return the time, where the server told one
   */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }

  /**
   * What the server's logs call this call, for a question to its operator. The message ends with
   * it.
   *
   * @return it, where the server answered
   */
  public Optional<String> requestId() {
    return Optional.ofNullable(requestId);
  }
}
