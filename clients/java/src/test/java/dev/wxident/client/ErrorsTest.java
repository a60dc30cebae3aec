package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import dev.wxident.testing.FakeWxident;
import dev.wxident.v1.ErrorReason;
import dev.wxident.v1.GetUserRequest;
import dev.wxident.v1.LoginRequest;
import dev.wxident.v1.Options;
import dev.wxident.v1.ReasonRules;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ErrorsTest {
  private static FakeWxident fake;

  @BeforeAll
  static void start() {
    fake = FakeWxident.start().addApp("wx1");
  }

  @AfterAll
  static void stop() {
    fake.close();
  }

  private static WxidentException login(LoginRequest request) {
    return assertThrows(WxidentException.class, () -> fake.client().login(request));
  }

  @Test
  void reasonsAreThoseOfTheContract() {
    Set<String> contract =
        Stream.of(ErrorReason.values())
            .filter(reason -> reason != ErrorReason.UNRECOGNIZED)
            .map(reason -> reason.name().substring("ERROR_REASON_".length()))
            .collect(Collectors.toSet());
    assertEquals(
        contract, Stream.of(Reason.values()).map(Reason::name).collect(Collectors.toSet()));
  }

  @Test
  void codesAndAdviceAreThoseOfTheContract() {
    for (Reason reason : Reason.values()) {
      if (reason != Reason.UNSPECIFIED) {
        ReasonRules rules =
            ErrorReason.valueOf("ERROR_REASON_" + reason)
                .getValueDescriptor()
                .getOptions()
                .getExtension(Options.reasonRules);
        assertEquals("CODE_" + reason.code(), rules.getCode().name(), reason.name());
        assertEquals(
            rules.getAdviceEn().replace("google.rpc.RetryInfo", "retryAfter"), reason.advice());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = Reason.class, mode = EnumSource.Mode.EXCLUDE, names = "UNSPECIFIED")
  void eachReasonArrives(Reason reason) {
    fake.failNext(
        "Login", reason, Map.of("errcode", "45011", "rid", "r-1"), Duration.ofMillis(1500));
    WxidentException e = login(LoginRequest.getDefaultInstance());
    assertEquals(reason, e.reason());
    assertEquals(reason.name(), e.reasonName());
    assertEquals(reason.code(), e.code());
    assertEquals("45011", e.errcode().orElseThrow());
    assertEquals("r-1", e.rid().orElseThrow());
    assertEquals(Duration.ofMillis(1500), e.retryAfter().orElseThrow());
    assertEquals("Login", e.method());
    assertTrue(e.getMessage().startsWith("Login: " + reason + ": "), e.getMessage());
    assertTrue(e.requestId().orElseThrow().matches("[0-9a-f]{16}"), e.requestId().get());
    assertTrue(
        e.getMessage().endsWith(" (request " + e.requestId().get() + ")"), e.getMessage());
    assertFalse(reason.advice().isEmpty());
  }

  @Test
  void wrongFieldsAreNamed() {
    WxidentException e = login(LoginRequest.newBuilder().setAppId("wx2").build());
    assertEquals(Reason.APP_UNKNOWN, e.reason());
    assertEquals(List.of("app_id"), e.violations().stream().map(FieldViolation::field).toList());
    assertTrue(e.retryAfter().isEmpty());
  }

  @Test
  void codesStayOutOfMessages() {
    WxidentException e =
        login(LoginRequest.newBuilder().setAppId("wx1").setMiniProgramCode("secret0").build());
    assertEquals(Reason.LOGIN_CODE_INVALID, e.reason());
    assertFalse(e.toString().contains("secret0"), e.toString());
  }

  @Test
  void futuresFailWithTheSame() {
    CompletionException e =
        assertThrows(
            CompletionException.class,
            () -> fake.client().async().getUser(GetUserRequest.getDefaultInstance()).join());
    assertEquals(Reason.REQUEST_INVALID, ((WxidentException) e.getCause()).reason());
    assertSame(e.getCause(), WxidentException.of("GetUser", e));
  }

  @Test
  void aNewerServersReasonIsToldByName() {
    fake.failNext("Login", answer("wxident", "MOON_IN_THE_WAY"));
    WxidentException e = login(LoginRequest.getDefaultInstance());
    assertEquals(Reason.UNSPECIFIED, e.reason());
    assertEquals("MOON_IN_THE_WAY", e.reasonName());
    assertEquals(Code.FAILED_PRECONDITION, e.code());
  }

  @Test
  void anotherDomainsReasonIsNone() {
    fake.failNext("Login", answer("example.org", "SESSION_NOT_ACTIVE"));
    WxidentException e = login(LoginRequest.getDefaultInstance());
    assertEquals(Reason.UNSPECIFIED, e.reason());
    assertEquals("", e.reasonName());
    assertTrue(e.requestId().isEmpty());
  }

  private static StatusRuntimeException answer(String domain, String reason) {
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder()
            .setCode(Code.FAILED_PRECONDITION.value())
            .setMessage("no")
            .addDetails(
                Any.pack(ErrorInfo.newBuilder().setDomain(domain).setReason(reason).build()))
            .build());
  }
}
