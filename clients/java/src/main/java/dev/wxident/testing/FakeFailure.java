package dev.wxident.testing;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.wxident.client.Reason;
import dev.wxident.v1.ItemError;
import io.grpc.Metadata;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

/** Errors as wxident makes them. */
final class FakeFailure {
  private static final Metadata.Key<String> PUSHBACK =
      Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

  private static final Metadata.Key<String> REQUEST_ID =
      Metadata.Key.of("wxident-request-id", Metadata.ASCII_STRING_MARSHALLER);

  private FakeFailure() {}

  static StatusRuntimeException of(Reason reason, String message) {
    return make(reason, message, Map.of(), null, null);
  }

  static StatusRuntimeException of(Reason reason, String message, Map<String, String> metadata) {
    return make(reason, message, metadata, null, null);
  }

  static StatusRuntimeException wrongField(Reason reason, String field, String what) {
    Any violation =
        Any.pack(
            BadRequest.newBuilder()
                .addFieldViolations(
                    BadRequest.FieldViolation.newBuilder().setField(field).setDescription(what))
                .build());
    return make(reason, field + " " + what, Map.of(), violation, null);
  }

  /** A failure that was asked for: the client does not try again by itself. */
  static StatusRuntimeException asked(
      Reason reason, Map<String, String> metadata, java.time.Duration retryAfter) {
    Any wait = null;
    if (retryAfter != null) {
      wait =
          Any.pack(
              RetryInfo.newBuilder()
                  .setRetryDelay(
                      Duration.newBuilder()
                          .setSeconds(retryAfter.getSeconds())
                          .setNanos(retryAfter.getNano()))
                  .build());
    }
    return make(reason, "as the test asked for; " + reason.advice(), metadata, wait, "-1");
  }

  /** A failure as an answer about several things tells it of one. */
  static ItemError item(StatusRuntimeException failure) {
    com.google.rpc.Status status = StatusProto.fromThrowable(failure);
    ItemError.Builder item = ItemError.newBuilder().setMessage(status.getMessage());
    for (Any detail : status.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        try {
          ErrorInfo info = detail.unpack(ErrorInfo.class);
          item.setReason(info.getReason());
          item.setErrcode(info.getMetadataOrDefault("errcode", ""));
        } catch (InvalidProtocolBufferException e) {
          throw new IllegalStateException("this class packed it", e);
        }
      }
    }
    return item.build();
  }

  private static StatusRuntimeException make(
      Reason reason, String message, Map<String, String> metadata, Any more, String pushback) {
    Code code = reason.code();
    com.google.rpc.Status.Builder status =
        com.google.rpc.Status.newBuilder().setCode(code.value()).setMessage(message);
    status.addDetails(
        Any.pack(
            ErrorInfo.newBuilder()
                .setReason(reason.name())
                .setDomain("wxident")
                .putAllMetadata(metadata)
                .build()));
    if (more != null) {
      status.addDetails(more);
    }
    Metadata trailers = new Metadata();
    trailers.put(REQUEST_ID, String.format("%016x", ThreadLocalRandom.current().nextLong()));
    if (pushback != null) {
      trailers.put(PUSHBACK, pushback);
    }
    return StatusProto.toStatusRuntimeException(status.build(), trailers);
  }
}
