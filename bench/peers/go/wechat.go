package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/credential"
	"github.com/silenceper/wechat/v2/miniprogram"
	"github.com/silenceper/wechat/v2/miniprogram/auth"
	"github.com/silenceper/wechat/v2/miniprogram/config"
	"github.com/silenceper/wechat/v2/miniprogram/encryptor"
	"github.com/silenceper/wechat/v2/util"
	"golang.org/x/sync/singleflight"
)

// A token is replaced when it has less than this left.
const refreshAhead = 5 * time.Minute

// weChat is one mini program at WeChat.
type weChat struct {
	auth      *auth.Auth
	encryptor *encryptor.Encryptor
	fetcher   *credential.StableAccessToken
	token     atomic.Pointer[appToken]
	flight    singleflight.Group
}

type appToken struct {
	text       string
	expires    time.Time
	generation int64
}

func newWeChat(url, caFile, appID, secret string) (*weChat, error) {
	pool, err := certPool(caFile)
	if err != nil {
		return nil, err
	}
	util.DefaultHTTPClient = &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: pool},
			MaxConnsPerHost:     64,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     time.Minute,
		},
	}
	util.SetURIModifier(func(uri string) string {
		return strings.Replace(uri, "https://api.weixin.qq.com", url, 1)
	})
	app := miniprogram.NewMiniProgram(&config.Config{
		AppID: appID, AppSecret: secret, Cache: cache.NewMemory(), UseStableAK: true,
	})
	fetcher := credential.NewStableAccessToken(appID, secret, credential.CacheKeyMiniProgramPrefix, cache.NewMemory())
	return &weChat{
		auth:      app.GetAuth(),
		encryptor: app.GetEncryptor(),
		fetcher:   fetcher.(*credential.StableAccessToken),
	}, nil
}

// accessToken answers from memory while the token is good for a while.
func (w *weChat) accessToken(ctx context.Context) (*appToken, error) {
	now := w.token.Load()
	if now != nil && time.Until(now.expires) > refreshAhead {
		return now, nil
	}
	fresh, err, _ := w.flight.Do("", func() (any, error) {
		answer, err := w.fetcher.GetAccessTokenDirectly(context.WithoutCancel(ctx), false)
		if err != nil {
			return nil, err
		}
		token := &appToken{
			text:       answer.AccessToken,
			expires:    time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second),
			generation: 1,
		}
		if now != nil {
			token.generation = now.generation + 1
		}
		w.token.Store(token)
		return token, nil
	})
	if err != nil {
		return nil, err
	}
	return fresh.(*appToken), nil
}
