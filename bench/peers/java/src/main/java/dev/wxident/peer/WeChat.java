package dev.wxident.peer;

import cn.binarywang.wx.miniapp.api.impl.WxMaServiceHttpComponentsImpl;
import cn.binarywang.wx.miniapp.bean.WxMaJscode2SessionResult;
import cn.binarywang.wx.miniapp.bean.WxMaPhoneNumberInfo;
import cn.binarywang.wx.miniapp.config.impl.WxMaDefaultConfigImpl;
import cn.binarywang.wx.miniapp.util.crypt.WxMaCryptUtils;
import me.chanjar.weixin.common.error.WxErrorException;
import me.chanjar.weixin.common.util.http.hc.DefaultHttpComponentsClientBuilder;

/** One mini program at WeChat, through WxJava. */
final class WeChat {
  /** How much earlier than WeChat says WxJava takes a token for expired. */
  private static final int EARLY_SECONDS = 200;

  record Token(String text, long expiresAtMillis) {}

  final String appId;
  private final WxMaServiceHttpComponentsImpl service = new WxMaServiceHttpComponentsImpl();
  private final WxMaDefaultConfigImpl config = new WxMaDefaultConfigImpl();

  WeChat(String url, String appId, String secret) {
    this.appId = appId;
    // Its default of 10 would be what is measured.
    DefaultHttpComponentsClientBuilder http = DefaultHttpComponentsClientBuilder.get();
    http.setMaxConnPerHost(64);
    http.setMaxTotalConn(64);
    config.setAppid(appId);
    config.setSecret(secret);
    config.setApiHostUrl(url);
    config.useStableAccessToken(true);
    service.setWxMaConfig(config);
  }

  WxMaJscode2SessionResult exchange(String code) throws WxErrorException {
    return service.jsCode2SessionInfo(code);
  }

  Token accessToken() throws WxErrorException {
    String text = service.getAccessToken();
    return new Token(text, config.getExpiresTime() + EARLY_SECONDS * 1000L);
  }

  /** What {@code getPhoneNumber} gave to the mini program; fails for another app's. */
  WxMaPhoneNumberInfo openPhone(String sessionKey, String data, String iv) {
    WxMaPhoneNumberInfo phone =
        WxMaPhoneNumberInfo.fromJson(WxMaCryptUtils.decrypt(sessionKey, data, iv));
    if (!appId.equals(phone.getWatermark().getAppid())) {
      throw new IllegalArgumentException("of another app");
    }
    return phone;
  }
}
