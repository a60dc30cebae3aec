package dev.wxident.client;

import dev.wxident.v1.Session;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpFilter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.Principal;
import java.util.Optional;

/**
 * Lets requests with an active session pass. The rest of the chain finds it by {@link #session}, and
 * the user's id as the request's user principal. All others are answered: 401 with {@code
 * WWW-Authenticate: Bearer} where there is no token or it is not active, 503 with Retry-After where
 * the server could not be asked.
 */
public final class SessionFilter extends HttpFilter {
  /** The request attribute with the {@link Session}. */
  public static final String ATTRIBUTE = "dev.wxident.session";

  private static final long serialVersionUID = 1;

  private final transient SessionAuthenticator authenticator;

  /**
   * A filter, to be registered with the servlet container for the paths that need a session.
   *
   * @param authenticator finds the sessions
   */
  public SessionFilter(SessionAuthenticator authenticator) {
    this.authenticator = authenticator;
  }

  /**
   * The session that a request came with.
   *
   * @param request a request that passed this filter
   * @return the session; none when the request is anonymous
   */
  public static Optional<Session> session(ServletRequest request) {
    return Optional.ofNullable((Session) request.getAttribute(ATTRIBUTE));
  }

  @Override
  protected void doFilter(
      HttpServletRequest request, HttpServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    Optional<String> token = token(request);
    if (token.isEmpty() && authenticator.anonymous()) {
      // What came before this filter does not vouch for the request.
      request.removeAttribute(ATTRIBUTE);
      chain.doFilter(request, response);
      return;
    }
    Session session;
    try {
      session = authenticator.authenticate(token.orElse(""));
    } catch (WxidentException e) {
      refuse(response, e);
      return;
    }
    request.setAttribute(ATTRIBUTE, session);
    chain.doFilter(new OfUser(request, session.getUser().getUserId()), response);
  }

  private Optional<String> token(HttpServletRequest request) {
    Optional<String> bearer =
        SessionAuthenticator.bearerToken(request.getHeader("Authorization"));
    Cookie[] cookies = request.getCookies();
    if (bearer.isPresent() || authenticator.cookie() == null || cookies == null) {
      return bearer;
    }
    for (Cookie cookie : cookies) {
      if (cookie.getName().equals(authenticator.cookie()) && !cookie.getValue().isEmpty()) {
        return Optional.of(cookie.getValue());
      }
    }
    return Optional.empty();
  }

  private static void refuse(HttpServletResponse response, WxidentException why)
      throws IOException {
    if (why.reason() == Reason.SESSION_NOT_ACTIVE) {
      response.setHeader("WWW-Authenticate", "Bearer");
      response.sendError(
          HttpServletResponse.SC_UNAUTHORIZED, "no active session; log in and send its token");
    } else {
      response.setHeader(
          "Retry-After", String.valueOf(SessionAuthenticator.retryAfterSeconds(why)));
      response.sendError(
          HttpServletResponse.SC_SERVICE_UNAVAILABLE,
          "the session could not be checked; try again");
    }
  }

  /** A request whose user is known. */
  private static final class OfUser extends HttpServletRequestWrapper {
    private final Principal user;

    OfUser(HttpServletRequest request, String userId) {
      super(request);
      user = () -> userId;
    }

    @Override
    public Principal getUserPrincipal() {
      return user;
    }

    @Override
    public String getRemoteUser() {
      return user.getName();
    }

    @Override
    public String getAuthType() {
      return "Bearer";
    }
  }
}
