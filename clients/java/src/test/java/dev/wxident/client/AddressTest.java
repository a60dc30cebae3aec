package dev.wxident.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AddressTest {
  @Test
  void oneAddressIsLookedUpByDns() {
    assertEquals(
        new Address("dns:///wxident.internal:8443", List.of("wxident.internal")),
        Address.parse("wxident.internal:8443"));
    assertEquals(
        new Address("dns:///%5B::1%5D:1", List.of("::1")), Address.parse("[::1]:1"));
    assertEquals(new Address("dns:///a:1", List.of("a")), Address.parse("dns:///a:1"));
  }

  @Test
  void severalAddressesKeepTheirNames() {
    Address address = Address.parse("a:1, [::1]:2,127.0.0.1:3");
    assertEquals("wxident-list:///a:1,%5B::1%5D:2,127.0.0.1:3", address.target());
    assertEquals(List.of("a", "::1", "127.0.0.1"), address.hosts());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", " ", "a", ":1", "a:", "a:0", "a:65536", "a:b", "http://a:1", "a:1,", "a:1,,b:2",
        "::1:5", "[a/b]:1", "dns:///a", "dns://8.8.8.8/a:1", "unix:/tmp/s:1", "a b:1"
      })
  void whatIsNoAddressIsRefusedByNameOfTheOption(String text) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Address.parse(text)).getMessage();
    assertTrue(message.startsWith("address (WXIDENT_CLIENT_ADDR) "), message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "127.255.3.4", "::1", "localhost"})
  void loopback(String host) {
    assertTrue(Address.isLoopback(host));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1.example.org", "127.0.0.256", "127.1", "10.0.0.1", "0.0.0.0", "::", "localhost.x",
        "128.0.0.1"
      })
  void notLoopback(String host) {
    assertFalse(Address.isLoopback(host));
  }
}
