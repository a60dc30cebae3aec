package dev.wxident.client;

import io.grpc.Status.Code;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Why a call failed, and what to do then: {@link WxidentException#reason}. */
public enum Reason {
  /**
   * The answer did not come from wxident itself: no connection, the caller's own deadline, a
   * refusal on the way. {@link WxidentException#code} says more. Also a reason that this client is
   * too old to know; {@link WxidentException#reasonName} has it.
   */
  UNSPECIFIED(Code.UNKNOWN, "Look at the code and the message."),

  /**
   * A field is missing or malformed; {@link WxidentException#violations} names it. Mend the
   * request; sending it again cannot help.
   */
  REQUEST_INVALID(Code.INVALID_ARGUMENT, "Mend the request; the violations name its fields."),

  /**
   * The server is not configured with this app_id. Check the id, or add the app to the server's
   * configuration.
   */
  APP_UNKNOWN(
      Code.INVALID_ARGUMENT, "Check the app_id, or add the app to the server's configuration."),

  /**
   * Encrypted data did not open, or what it held was not what WeChat makes for this app. The
   * same answer covers every cause. Log in again (wx.login first), then ask WeChat for the data
   * again.
   */
  DECRYPT_REJECTED(
      Code.INVALID_ARGUMENT, "Log in again (wx.login first), then ask WeChat for the data again."),

  /**
   * WeChat does not know this code: it is mistyped, older than 5 minutes, or of another app. Get
   * a new code with wx.login.
   */
  LOGIN_CODE_INVALID(Code.FAILED_PRECONDITION, "Get a new code with wx.login."),

  /**
   * The code has been used, or was sent to WeChat and its answer was lost; a code works once.
   * Get a new code with wx.login.
   */
  LOGIN_CODE_CONSUMED(Code.FAILED_PRECONDITION, "Get a new code with wx.login; a code works once."),

  /** The session token is unknown, expired or revoked. Log in again. */
  SESSION_NOT_ACTIVE(Code.FAILED_PRECONDITION, "Log in again."),

  /**
   * No session_key that could open the data is kept. Log in again (wx.login first), then ask
   * WeChat for the data again.
   */
  SESSION_KEY_STALE(
      Code.FAILED_PRECONDITION, "Log in again (wx.login first), then ask WeChat for the data again."),

  /**
   * WeChat shows this person a snapshot page with made-up ids; nothing was stored. Ask the
   * person to open the full page and log in there.
   */
  SNAPSHOT_USER(Code.FAILED_PRECONDITION, "Ask the person to open the full page and log in there."),

  /**
   * The person's web authorisation is missing, expired or withdrawn. Send the person through
   * GetAuthorizeUrl again.
   */
  OAUTH_GRANT_EXPIRED(Code.FAILED_PRECONDITION, "Send the person through getAuthorizeUrl again."),

  /**
   * The person authorised snsapi_base only, which gives no profile. Send the person through
   * GetAuthorizeUrl with snsapi_userinfo.
   */
  OAUTH_SCOPE_INSUFFICIENT(
      Code.FAILED_PRECONDITION, "Send the person through getAuthorizeUrl with snsapi_userinfo."),

  /**
   * WeChat refuses the app's own settings: app secret, IP list, binding. Callers cannot mend it;
   * tell the operator the errcode.
   */
  APP_MISCONFIGURED(
      Code.FAILED_PRECONDITION, "Tell the operator the errcode; callers cannot mend it."),

  /** WeChat has blocked, frozen or flagged this user. Do not retry. */
  USER_BLOCKED(Code.PERMISSION_DENIED, "Do not retry; WeChat has blocked the user."),

  /** The app's account may not use this WeChat API. Tell the operator the errcode. */
  API_UNAUTHORIZED(
      Code.PERMISSION_DENIED, "Tell the operator the errcode; the app's account may not use this WeChat API."),

  /**
   * The server's policy does not let this service call the method, or not for this app. Ask the
   * server's operator for a row.
   */
  CALLER_NOT_ALLOWED(
      Code.PERMISSION_DENIED, "Ask the server's operator for a row in its policy."),

  /**
   * This service has not proved who it is: its client certificate names no single URI, or is
   * revoked. Get a new certificate.
   */
  CALLER_UNAUTHENTICATED(
      Code.UNAUTHENTICATED, "Get a new client certificate, which names one URI."),

  /** No user has this user_id, identity or unionid. */
  USER_NOT_FOUND(Code.NOT_FOUND, "Check the id, or let the person log in first."),

  /** The identity is known, but no profile has been stored for it. */
  PROFILE_NOT_FOUND(Code.NOT_FOUND, "Get the profile from another source first."),

  /** WeChat limits calls of this app. Wait as long as {@link WxidentException#retryAfter} says. */
  WECHAT_RATE_LIMITED(Code.RESOURCE_EXHAUSTED, "Wait as long as retryAfter says."),

  /**
   * The app's budget of access_token fetches is used up. Wait as long as {@link
   * WxidentException#retryAfter} says.
   */
  TOKEN_BUDGET_EXHAUSTED(Code.RESOURCE_EXHAUSTED, "Wait as long as retryAfter says."),

  /**
   * This server has more work waiting than it accepts. Wait as long as {@link
   * WxidentException#retryAfter} says, or try another replica.
   */
  OVERLOADED(Code.RESOURCE_EXHAUSTED, "Wait as long as retryAfter says, or try another replica."),

  /**
   * This service exceeds the rate, or the number of calls at once, that the server's policy gives
   * it. Wait as long as {@link WxidentException#retryAfter} says.
   */
  CALLER_RATE_LIMITED(Code.RESOURCE_EXHAUSTED, "Wait as long as retryAfter says."),

  /**
   * Too much encrypted data of this session was refused within a minute. Wait as long as {@link
   * WxidentException#retryAfter} says.
   */
  SESSION_RATE_LIMITED(Code.RESOURCE_EXHAUSTED, "Wait as long as retryAfter says."),

  /** WeChat says that it is busy. Retry; a login needs a new code. */
  WECHAT_BUSY(Code.UNAVAILABLE, "Retry; a login needs a new code."),

  /**
   * No connection to WeChat could be made, and nothing was sent. Retry, with the same code if it
   * is a login.
   */
  WECHAT_UNREACHABLE(Code.UNAVAILABLE, "Retry, with the same code if it is a login."),

  /** WeChat's answer could not be understood. Retry; a login needs a new code. */
  WECHAT_BAD_RESPONSE(Code.UNAVAILABLE, "Retry; a login needs a new code."),

  /**
   * The database could not be asked. Retry, with the same code if it is a login: an exchange
   * that WeChat has answered is remembered.
   */
  STORE_UNAVAILABLE(Code.UNAVAILABLE, "Retry, with the same code if it is a login."),

  /**
   * The request left for WeChat and no answer came back, so whether it took effect is not known.
   * Retry; a login needs a new code.
   */
  OUTCOME_UNKNOWN(Code.UNAVAILABLE, "Retry; a login needs a new code."),

  /**
   * The audit log cannot be written, and nothing secret leaves without its line. Retry, or tell
   * the operator.
   */
  AUDIT_UNAVAILABLE(Code.UNAVAILABLE, "Retry, or tell the operator."),

  /** The caller's deadline passed, or too little of it was left to begin. */
  DEADLINE_PASSED(Code.DEADLINE_EXCEEDED, "Give the call more time, or try again."),

  /**
   * A stored value was encrypted under a key that is not in the key ring. Tell the operator the
   * key id.
   */
  KEY_UNAVAILABLE(Code.DATA_LOSS, "Tell the operator the key id."),

  /** A stored value does not open: it was changed or moved. Tell the operator. */
  TAMPERED(Code.DATA_LOSS, "Tell the operator."),

  /**
   * WeChat refused the form of our request: a defect of this server. Report it with the errcode
   * and rid.
   */
  WECHAT_REQUEST_REJECTED(
      Code.INTERNAL, "Report it with the errcode and rid; it is a defect of the server."),

  /** Something that must not happen happened. Report it. */
  INTERNAL_FAULT(Code.INTERNAL, "Report it; it is a defect of the server."),

  /**
   * WeChat answered with an errcode that this server does not know. Do not retry; the errcode is
   * in the metadata.
   */
  WECHAT_ERRCODE_UNKNOWN(Code.UNKNOWN, "Do not retry; the metadata has the errcode.");

  private static final Map<String, Reason> BY_NAME =
      Stream.of(values()).collect(Collectors.toUnmodifiableMap(Reason::name, Function.identity()));

  private final Code code;
  private final String advice;

  Reason(Code code, String advice) {
    this.code = code;
    this.advice = advice;
  }

  /**
   * The gRPC code that this reason comes with.
   *
   * @return the code
   */
  public Code code() {
    return code;
  }

  /**
   * What to do next, as a sentence for people.
   *
   * @return the sentence
   */
  public String advice() {
    return advice;
  }

  /** The reason that the server calls this, or UNSPECIFIED. */
  static Reason named(String name) {
    return BY_NAME.getOrDefault(name, UNSPECIFIED);
  }
}
