package dev.wxident.client;

import java.util.ArrayList;
import java.util.List;

/** Where the servers are: the target as gRPC wants it, and the hosts in it. */
record Address(String target, List<String> hosts) {
  private static final String DNS = "dns:///";

  static Address parse(String address) {
    if (address == null || address.isBlank()) {
      throw refused(
          "is not set; set it to host:port, several by comma, or dns:///name:port");
    }
    if (address.startsWith(DNS)) {
      return new Address(
          AddressListResolver.escape(address), List.of(hostOf(address.substring(DNS.length()))));
    }
    List<String> all = new ArrayList<>();
    List<String> hosts = new ArrayList<>();
    for (String one : address.split(",", -1)) {
      hosts.add(hostOf(one.strip()));
      all.add(one.strip());
    }
    String target =
        all.size() == 1
            ? DNS + AddressListResolver.escape(all.get(0))
            : AddressListResolver.target(all);
    return new Address(target, List.copyOf(hosts));
  }

  private static String hostOf(String address) {
    int colon = address.lastIndexOf(':');
    String host = colon < 0 ? "" : address.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
      if (!host.matches("[0-9a-fA-F:.]+(%[0-9a-zA-Z]+)?")) {
        host = "";
      }
    } else if (!host.matches("[A-Za-z0-9._-]+")) {
      host = "";
    }
    String port = address.substring(colon + 1);
    if (host.isEmpty() || !port.matches("[0-9]{1,5}") || !isPort(Integer.parseInt(port))) {
      throw refused(
          "has \"" + address + "\"; it must be host:port, several by comma, or dns:///name:port");
    }
    return host;
  }

  private static boolean isPort(int port) {
    return port > 0 && port < 65536;
  }

  /** Refuses hosts that plain text may not go to. */
  void requireLoopback() {
    for (String host : hosts) {
      if (!isLoopback(host)) {
        throw new IllegalArgumentException(
            "insecure ("
                + Env.INSECURE
                + ") allows loopback addresses only, and "
                + host
                + " ("
                + Env.ADDRESS
                + ") is none; use TLS");
      }
    }
  }

  /** Whether a host is this machine for sure: no name but localhost is looked up. */
  static boolean isLoopback(String host) {
    if (host.equals("localhost") || host.equals("::1")) {
      return true;
    }
    String byteText = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    return host.matches("127(\\." + byteText + "){3}");
  }

  private static IllegalArgumentException refused(String what) {
    return new IllegalArgumentException("address (" + Env.ADDRESS + ") " + what);
  }
}
