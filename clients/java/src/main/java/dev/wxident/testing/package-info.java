/** A wxident for unit tests: {@link dev.wxident.testing.FakeWxident}. */
package dev.wxident.testing;
