package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.wxident.testing.FakeUser;
import dev.wxident.testing.FakeWxident;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Map;
import org.eclipse.jetty.ee10.servlet.FilterHolder;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SessionFilterTest {
  private static FakeWxident fake;
  private static FakeUser alice;
  private static String token;
  private static Server server;
  private static HttpClient browser;

  /** Says who called. */
  private static final class WhoAmI extends HttpServlet {
    private static final long serialVersionUID = 1;

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
        throws IOException {
      response
          .getWriter()
          .print(
              SessionFilter.session(request)
                  .map(session -> session.getUser().getUserId())
                  .orElse("anonymous")
                  + " "
                  + (request.getUserPrincipal() == null
                      ? "-"
                      : request.getUserPrincipal().getName() + request.getRemoteUser()
                          + request.getAuthType()));
    }
  }

  @BeforeAll
  static void start() throws Exception {
    fake = FakeWxident.start().addApp("wx1");
    alice = fake.addUser("wx1", "alice");
    token = Logins.token(fake, "alice");
    ServletContextHandler context = new ServletContextHandler("/");
    Map.of(
            "/closed", SessionAuthenticator.create(fake.client()),
            "/open",
                SessionAuthenticator.builder(fake.client()).anonymous(true).cookie("sid").build())
        .forEach(
            (path, authenticator) -> {
              context.addFilter(
                  new FilterHolder(new SessionFilter(authenticator)),
                  path,
                  EnumSet.of(DispatcherType.REQUEST));
              context.addServlet(new ServletHolder(new WhoAmI()), path);
            });
    server = new Server(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    server.setHandler(context);
    server.start();
    browser = HttpClient.newHttpClient();
  }

  @AfterAll
  static void stop() throws Exception {
    server.stop();
    fake.close();
  }

  private static HttpResponse<String> get(String path, String... headers) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(server.getURI().resolve(path));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return browser.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private static String header(HttpResponse<String> response, String name) {
    return response.headers().firstValue(name).orElse("");
  }

  @Test
  void anActiveSessionPasses() throws Exception {
    HttpResponse<String> response = get("/closed", "Authorization", "Bearer " + token);
    assertEquals(200, response.statusCode());
    String id = alice.userId();
    assertEquals(id + " " + id + id + "Bearer", response.body());
  }

  @Test
  void noTokenIs401() throws Exception {
    HttpResponse<String> response = get("/closed");
    assertEquals(401, response.statusCode());
    assertEquals("Bearer", header(response, "WWW-Authenticate"));
    assertEquals(401, get("/closed", "Authorization", "Basic YTpi").statusCode());
    assertEquals(401, get("/closed", "Cookie", "sid=" + token).statusCode());
  }

  @Test
  void anInactiveTokenIs401() throws Exception {
    HttpResponse<String> response = get("/closed", "Authorization", "Bearer wxs1_unknown");
    assertEquals(401, response.statusCode());
    assertEquals("Bearer", header(response, "WWW-Authenticate"));
    assertEquals(401, get("/open", "Authorization", "Bearer wxs1_unknown").statusCode());
  }

  @Test
  void notHavingAskedIs503() throws Exception {
    fake.failNext(
        "ValidateSession", Reason.STORE_UNAVAILABLE, Map.of(), Duration.ofMillis(1200));
    HttpResponse<String> response = get("/closed", "Authorization", "Bearer another-token");
    assertEquals(503, response.statusCode());
    assertEquals("2", header(response, "Retry-After"));
    assertTrue(header(response, "WWW-Authenticate").isEmpty());
  }

  @Test
  void anonymousRequestsMayPass() throws Exception {
    assertEquals("anonymous -", get("/open").body());
    assertEquals("anonymous -", get("/open", "Authorization", "Basic YTpi").body());
  }

  @Test
  void theCookieCounts() throws Exception {
    assertTrue(get("/open", "Cookie", "sid=" + token).body().startsWith(alice.userId()));
    assertEquals("anonymous -", get("/open", "Cookie", "other=" + token).body());
    assertEquals(401, get("/open", "Cookie", "sid=wxs1_unknown").statusCode());
    // The header goes first.
    assertEquals(
        401,
        get("/open", "Cookie", "sid=" + token, "Authorization", "Bearer wxs1_no").statusCode());
  }
}
