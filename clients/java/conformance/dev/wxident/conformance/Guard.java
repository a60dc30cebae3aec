package dev.wxident.conformance;

import com.google.gson.JsonObject;
import dev.wxident.client.SessionAuthenticator;
import dev.wxident.client.SessionFilter;
import dev.wxident.client.SessionServerInterceptor;
import dev.wxident.v1.GetUserRequest;
import dev.wxident.v1.GetUserResponse;
import dev.wxident.v1.IdentityServiceGrpc;
import dev.wxident.v1.Session;
import dev.wxident.v1.User;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.EnumSet;
import java.util.Map;
import java.util.UUID;
import org.eclipse.jetty.ee10.servlet.FilterHolder;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;

/** A web application and a gRPC service behind one authenticator; they tell who called. */
final class Guard implements AutoCloseable {
  private final SessionAuthenticator authenticator;
  private org.eclipse.jetty.server.Server web;
  private HttpClient browser;
  private Server service;
  private ManagedChannel channel;

  Guard(SessionAuthenticator authenticator) {
    this.authenticator = authenticator;
  }

  void http(Map<String, String> headers, JsonObject ok) throws Exception {
    startWeb();
    HttpRequest.Builder request = HttpRequest.newBuilder(web.getURI().resolve(URI.create("/")));
    headers.forEach(request::header);
    HttpResponse<String> response =
        browser.send(request.build(), HttpResponse.BodyHandlers.ofString());
    ok.addProperty("status", response.statusCode());
    if (response.statusCode() == 200) {
      put(ok, response.body());
    }
  }

  void grpc(Map<String, String> headers, JsonObject ok) throws IOException {
    startService();
    Metadata metadata = new Metadata();
    headers.forEach(
        (name, value) ->
            metadata.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value));
    try {
      GetUserResponse answer =
          IdentityServiceGrpc.newBlockingStub(channel)
              .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
              .getUser(GetUserRequest.getDefaultInstance());
      ok.addProperty("status", "OK");
      put(ok, answer.getUser().getUserId());
    } catch (StatusRuntimeException e) {
      ok.addProperty("status", e.getStatus().getCode().name());
    }
  }

  /** What a handler says: the user's id and openid. */
  private static void put(JsonObject ok, String said) {
    ok.addProperty("user_id", said.split(" ", 2)[0]);
    ok.addProperty("openid", said.split(" ", 2)[1]);
  }

  private static String say(Session session) {
    return session.getUser().getUserId() + " " + session.getIdentity().getOpenid();
  }

  private synchronized void startWeb() throws Exception {
    if (web != null) {
      return;
    }
    ServletContextHandler context = new ServletContextHandler("/");
    context.addFilter(
        new FilterHolder(new SessionFilter(authenticator)),
        "/*",
        EnumSet.of(jakarta.servlet.DispatcherType.REQUEST));
    context.addServlet(new ServletHolder(new WhoAmI()), "/");
    org.eclipse.jetty.server.Server server =
        new org.eclipse.jetty.server.Server(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    server.setHandler(context);
    server.start();
    browser = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    web = server;
  }

  private synchronized void startService() throws IOException {
    if (service != null) {
      return;
    }
    String name = UUID.randomUUID().toString();
    service =
        InProcessServerBuilder.forName(name)
            .intercept(new SessionServerInterceptor(authenticator))
            .addService(
                new IdentityServiceGrpc.IdentityServiceImplBase() {
                  @Override
                  public void getUser(
                      GetUserRequest request, StreamObserver<GetUserResponse> observer) {
                    Session session = SessionServerInterceptor.session().orElseThrow();
                    observer.onNext(
                        GetUserResponse.newBuilder()
                            .setUser(User.newBuilder().setUserId(say(session)))
                            .build());
                    observer.onCompleted();
                  }
                })
            .build()
            .start();
    channel = InProcessChannelBuilder.forName(name).build();
  }

  @Override
  public synchronized void close() {
    if (web != null) {
      try {
        web.stop();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
    if (channel != null) {
      channel.shutdownNow();
      service.shutdownNow();
    }
  }

  private static final class WhoAmI extends HttpServlet {
    private static final long serialVersionUID = 1;

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
        throws IOException {
      response.getWriter().print(say(SessionFilter.session(request).orElseThrow()));
    }
  }
}
