package wxidentfake

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

func grantExpired() error {
	return failure{reason: wxidentv1.ErrorReason_ERROR_REASON_OAUTH_GRANT_EXPIRED,
		message: "the person has given no web authorisation; send the person through GetAuthorizeUrl"}.err()
}

func (v service) GetAccessToken(_ context.Context, request *wxidentv1.GetAccessTokenRequest) (*wxidentv1.GetAccessTokenResponse, error) {
	s := v.s
	a, err := s.lockedApp("app_id", request.GetAppId())
	if err != nil {
		return nil, err
	}
	if web := request.GetWeb(); web != nil {
		who, err := s.lockedIdentity("web.identity_ref", web.GetIdentityRef())
		if err != nil {
			return nil, err
		}
		if who == nil {
			return nil, userNotFound()
		}
		token := s.web[who]
		if token == nil {
			return nil, grantExpired()
		}
		return proto.CloneOf(token), nil
	}
	if a.token.GetAccessToken() == request.GetRejectedAccessToken() || !s.now().Before(a.token.GetExpireTime().AsTime()) {
		s.rotate(a)
	}
	return proto.CloneOf(a.token), nil
}

func (v service) WatchAccessToken(request *wxidentv1.WatchAccessTokenRequest, stream grpc.ServerStreamingServer[wxidentv1.WatchAccessTokenResponse]) error {
	s := v.s
	s.mu.Lock()
	a, err := s.lockedApp("app_id", request.GetAppId())
	end := s.endWatches
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for {
		s.mu.Lock()
		token, rotated := a.token, a.rotated
		s.mu.Unlock()
		err := stream.Send(&wxidentv1.WatchAccessTokenResponse{
			AccessToken: token.GetAccessToken(),
			ExpireTime:  token.GetExpireTime(),
			Generation:  token.GetGeneration(),
			Kind:        token.GetKind(),
		})
		if err != nil {
			return err
		}
		select {
		case <-rotated:
		case <-end:
			return nil
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (v service) GetJsapiSignature(_ context.Context, request *wxidentv1.GetJsapiSignatureRequest) (*wxidentv1.GetJsapiSignatureResponse, error) {
	s := v.s
	if _, err := s.lockedApp("app_id", request.GetAppId()); err != nil {
		return nil, err
	}
	page, err := url.Parse(request.GetUrl())
	if err != nil || page.Host == "" || (page.Scheme != "http" && page.Scheme != "https") || len(request.GetUrl()) > 2048 {
		return nil, invalid("url", "must be an http or https URL of at most 2048 characters")
	}
	answer := &wxidentv1.GetJsapiSignatureResponse{
		AppId:     request.GetAppId(),
		Nonce:     hex.EncodeToString(randomBytes(8)),
		Timestamp: s.now().Unix(),
	}
	address, _, _ := strings.Cut(request.GetUrl(), "#")
	signature := sha1.Sum(fmt.Appendf(nil, "jsapi_ticket=ticket-of-%s&noncestr=%s&timestamp=%d&url=%s",
		answer.AppId, answer.Nonce, answer.Timestamp, address))
	answer.Signature = hex.EncodeToString(signature[:])
	return answer, nil
}

func (v service) GetAuthorizeUrl(_ context.Context, request *wxidentv1.GetAuthorizeUrlRequest) (*wxidentv1.GetAuthorizeUrlResponse, error) {
	s := v.s
	if _, err := s.lockedApp("app_id", request.GetAppId()); err != nil {
		return nil, err
	}
	back, err := url.Parse(request.GetRedirectUri())
	if err != nil || back.Scheme != "https" || back.Host == "" {
		return nil, invalid("redirect_uri", "must be an https URL")
	}
	page := "oauth2/authorize"
	switch request.GetScope() {
	case "snsapi_login":
		page = "qrconnect"
	case "snsapi_base", "snsapi_userinfo":
	default:
		return nil, invalid("scope", "must be snsapi_base, snsapi_userinfo or snsapi_login")
	}
	if !regexp.MustCompile(`^[A-Za-z0-9]{1,128}$`).MatchString(request.GetState()) {
		return nil, invalid("state", "must be 1 to 128 characters of A-Z, a-z, 0-9")
	}
	return &wxidentv1.GetAuthorizeUrlResponse{Url: fmt.Sprintf(
		"https://open.weixin.qq.com/connect/%s?appid=%s&redirect_uri=%s&response_type=code&scope=%s&state=%s#wechat_redirect",
		page, request.GetAppId(), url.QueryEscape(request.GetRedirectUri()), request.GetScope(), request.GetState())}, nil
}
