/**
 * The client of wxident, the WeChat identity service.
 *
 * <p>Start with {@link dev.wxident.client.WxidentClient}. {@link
 * dev.wxident.client.AccessTokenSource} keeps an app's access_token at hand, {@link
 * dev.wxident.client.SessionAuthenticator} finds the sessions of incoming requests, and {@code
 * dev.wxident.testing.FakeWxident} stands in for the server in unit tests.
 */
package dev.wxident.client;
