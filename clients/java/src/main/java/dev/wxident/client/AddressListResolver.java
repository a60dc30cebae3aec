package dev.wxident.client;

import io.grpc.Attributes;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.Status;
import io.grpc.StatusOr;
import io.grpc.SynchronizationContext;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/**
 * Resolves "a:1,b:2" into the addresses of its parts, each with its own name for TLS. gRPC's own
 * DNS resolver looks up each part; one that it cannot find leaves the others alone.
 */
final class AddressListResolver extends NameResolver {
  private static final String SCHEME = "wxident-list";
  private static volatile boolean registered;

  /** The target of several addresses. */
  static String target(List<String> addresses) {
    register();
    return SCHEME + ":///" + escape(String.join(",", addresses));
  }

  /** An IPv6 address's brackets are no part of a URI's path. */
  static String escape(String address) {
    return address.replace("[", "%5B").replace("]", "%5D");
  }

  private static synchronized void register() {
    if (!registered) {
      NameResolverRegistry.getDefaultRegistry().register(new Provider());
      registered = true;
    }
  }

  private final List<Part> parts = new ArrayList<>();
  private final SynchronizationContext context;
  private final String authority;
  private Listener2 listener;

  private AddressListResolver(List<String> addresses, Args args) {
    context = args.getSynchronizationContext();
    authority = addresses.get(0);
    Factory dns = NameResolverRegistry.getDefaultRegistry().asFactory();
    for (String address : addresses) {
      URI uri = URI.create("dns:///" + escape(address));
      parts.add(new Part(address, dns.newNameResolver(uri, args)));
    }
  }

  /** The first one: the whole list would be no :authority. Each address has its own. */
  @Override
  public String getServiceAuthority() {
    return authority;
  }

  @Override
  public void start(Listener2 newListener) {
    listener = newListener;
    parts.forEach(part -> part.resolver.start(part));
  }

  @Override
  public void refresh() {
    parts.forEach(part -> part.resolver.refresh());
  }

  @Override
  public void shutdown() {
    parts.forEach(part -> part.resolver.shutdown());
  }

  /** In the synchronization context: tells what all parts have come to. */
  private void tell() {
    List<EquivalentAddressGroup> all = new ArrayList<>();
    Status error = null;
    boolean waiting = false;
    for (Part part : parts) {
      all.addAll(part.groups);
      if (part.error != null) {
        error = part.error;
      } else if (part.groups.isEmpty()) {
        waiting = true;
      }
    }
    if (!all.isEmpty()) {
      listener.onResult2(
          ResolutionResult.newBuilder().setAddressesOrError(StatusOr.fromValue(all)).build());
    } else if (!waiting && error != null) {
      listener.onResult2(
          ResolutionResult.newBuilder().setAddressesOrError(StatusOr.fromStatus(error)).build());
    }
  }

  /** One address of the list, and what its resolver told last. */
  private final class Part extends Listener2 {
    private final String name;
    private final NameResolver resolver;
    private List<EquivalentAddressGroup> groups = List.of();
    private Status error;

    Part(String name, NameResolver resolver) {
      this.name = name;
      this.resolver = resolver;
    }

    @Override
    public void onResult(ResolutionResult result) {
      context.execute(() -> onResult2(result));
    }

    @Override
    public Status onResult2(ResolutionResult result) {
      StatusOr<List<EquivalentAddressGroup>> found = result.getAddressesOrError();
      if (!found.hasValue()) {
        onFailure(found.getStatus());
        return Status.OK;
      }
      List<EquivalentAddressGroup> named = new ArrayList<>();
      for (EquivalentAddressGroup group : found.getValue()) {
        Attributes attributes =
            group.getAttributes().toBuilder()
                .set(EquivalentAddressGroup.ATTR_AUTHORITY_OVERRIDE, name)
                .build();
        named.add(new EquivalentAddressGroup(group.getAddresses(), attributes));
      }
      groups = named;
      error = null;
      tell();
      return Status.OK;
    }

    @Override
    public void onError(Status status) {
      context.execute(() -> onFailure(status));
    }

    /** What was found earlier stays: a name server that is away does not move servers. */
    private void onFailure(Status status) {
      error = status;
      tell();
    }
  }

  private static final class Provider extends NameResolverProvider {
    @Override
    protected boolean isAvailable() {
      return true;
    }

    @Override
    protected int priority() {
      return 5;
    }

    @Override
    public String getDefaultScheme() {
      return SCHEME;
    }

    @Override
    public Collection<Class<? extends SocketAddress>> getProducedSocketAddressTypes() {
      return Set.of(InetSocketAddress.class);
    }

    @Override
    public NameResolver newNameResolver(URI target, Args args) {
      if (!SCHEME.equals(target.getScheme())) {
        return null;
      }
      String path = target.getPath().substring(1);
      return new AddressListResolver(List.of(path.split(",")), args);
    }
  }
}
