package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/expirable"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

const (
	sessionLife = 7 * 24 * time.Hour
	// How long a session is answered for from memory, and how many are.
	rememberFor = time.Second
	rememberN   = 100_000
)

// The library's own errors may show the AppSecret.
var errWeChat = status.Error(codes.Unavailable, "WeChat does not answer, or refuses")

type service struct {
	v1.UnimplementedIdentityServiceServer
	store   *store
	wechat  *weChat
	sealer  *sealer
	record  func(context.Context, *signIn) (user, bool, error)
	checked *expirable.LRU[string, *session]
	checks  singleflight.Group
}

func newService(ctx context.Context) (*service, error) {
	secret, err := readLine(*secretFile)
	if err != nil {
		return nil, err
	}
	wechat, err := newWeChat(*wechatURL, *wechatCA, *appID, secret)
	if err != nil {
		return nil, err
	}
	sealer, err := newSealer(*keyFile)
	if err != nil {
		return nil, err
	}
	store, err := newStore(ctx, *databaseURL, *connections)
	if err != nil {
		return nil, err
	}
	record := store.recordFive
	if *login == "one" {
		record = store.recordOne
	}
	return &service{
		store: store, wechat: wechat, sealer: sealer, record: record,
		checked: expirable.NewLRU[string, *session](rememberN, nil, rememberFor),
	}, nil
}

func (s *service) Login(ctx context.Context, request *v1.LoginRequest) (*v1.LoginResponse, error) {
	if request.GetAppId() != *appID || request.GetMiniProgramCode() == "" {
		return nil, status.Error(codes.InvalidArgument, "app_id or mini_program_code")
	}
	said, err := s.wechat.auth.Code2SessionContext(ctx, request.GetMiniProgramCode())
	if err != nil {
		return nil, errWeChat
	}
	random := make([]byte, 32)
	rand.Read(random)
	token := "wxs1_" + base64.RawURLEncoding.EncodeToString(random)
	who := identity{request.GetAppId(), said.OpenID, said.UnionID}
	in := &signIn{
		who:        who,
		sessionKey: s.sealer.seal(said.SessionKey, keyPlace(who.appID, who.openid)),
		tokenHash:  hashOf(token),
		expires:    time.Now().Add(sessionLife),
	}
	person, isNew, err := s.record(ctx, in)
	if err != nil {
		return nil, failed(err)
	}
	return &v1.LoginResponse{
		SessionToken: token,
		ExpireTime:   timestamppb.New(in.expires),
		User:         person.message(),
		Identity:     who.message(),
		NewUser:      isNew,
	}, nil
}

func (s *service) ValidateSession(ctx context.Context, request *v1.ValidateSessionRequest) (*v1.ValidateSessionResponse, error) {
	hash := hashOf(request.GetSessionToken())
	found, err := s.check(ctx, hash, request.GetStrong())
	if err != nil {
		return nil, failed(err)
	}
	if found == nil || time.Now().After(found.expires) {
		return &v1.ValidateSessionResponse{}, nil
	}
	return &v1.ValidateSessionResponse{
		Active: true,
		Session: &v1.Session{
			User:       found.user.message(),
			Identity:   found.who.message(),
			CreateTime: timestamppb.New(found.created),
			ExpireTime: timestamppb.New(found.expires),
		},
	}, nil
}

func (s *service) check(ctx context.Context, hash []byte, strong bool) (*session, error) {
	if strong {
		return s.store.findSession(ctx, hash)
	}
	key := string(hash)
	if known, ok := s.checked.Get(key); ok {
		return known, nil
	}
	found, err, _ := s.checks.Do(key, func() (any, error) {
		found, err := s.store.findSession(context.WithoutCancel(ctx), hash)
		if err == nil && found != nil {
			s.checked.Add(key, found)
		}
		return found, err
	})
	if err != nil {
		return nil, err
	}
	return found.(*session), nil
}

func (s *service) GetUser(ctx context.Context, request *v1.GetUserRequest) (*v1.GetUserResponse, error) {
	if uuid.Validate(request.GetUserId()) != nil {
		return nil, status.Error(codes.InvalidArgument, "user_id")
	}
	person, identities, err := s.store.findUser(ctx, request.GetUserId())
	if err != nil {
		return nil, failed(err)
	}
	if len(identities) == 0 {
		return nil, status.Error(codes.NotFound, "no such user")
	}
	response := &v1.GetUserResponse{User: person.message()}
	for _, one := range identities {
		response.Identities = append(response.Identities, one.message())
	}
	return response, nil
}

func (s *service) GetAccessToken(ctx context.Context, request *v1.GetAccessTokenRequest) (*v1.GetAccessTokenResponse, error) {
	if request.GetAppId() != *appID {
		return nil, status.Error(codes.InvalidArgument, "app_id")
	}
	token, err := s.wechat.accessToken(ctx)
	if err != nil {
		return nil, errWeChat
	}
	return &v1.GetAccessTokenResponse{
		AccessToken: token.text,
		ExpireTime:  timestamppb.New(token.expires),
		Generation:  token.generation,
		Kind:        v1.AccessTokenKind_ACCESS_TOKEN_KIND_APP,
	}, nil
}

func (s *service) DecryptPhone(ctx context.Context, request *v1.DecryptPhoneRequest) (*v1.DecryptPhoneResponse, error) {
	appID, openid, sealed, err := s.store.findSessionKey(ctx, hashOf(request.GetSessionToken()))
	if err != nil {
		return nil, failed(err)
	}
	if appID == "" {
		return nil, status.Error(codes.FailedPrecondition, "the session is not active")
	}
	key, err := s.sealer.open(sealed, keyPlace(appID, openid))
	if err != nil {
		return nil, failed(err)
	}
	data := request.GetEncrypted()
	opened, err := s.wechat.encryptor.Decrypt(key, data.GetEncryptedData(), data.GetIv())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "the data does not open")
	}
	phone := &v1.Phone{
		PhoneNumber:     opened.PhoneNumber,
		PurePhoneNumber: opened.PurePhoneNumber,
		CountryCode:     opened.CountryCode,
	}
	text, err := json.Marshal(phone)
	if err != nil {
		return nil, failed(err)
	}
	watermark := time.Unix(opened.Watermark.Timestamp, 0)
	sealed = s.sealer.seal(string(text), "phones "+appID+" "+openid)
	if err := s.store.savePhone(ctx, appID, openid, sealed, watermark); err != nil {
		return nil, failed(err)
	}
	return &v1.DecryptPhoneResponse{Phone: phone, WatermarkTime: timestamppb.New(watermark)}, nil
}

func (u user) message() *v1.User {
	return &v1.User{UserId: u.id, CreateTime: timestamppb.New(u.created), PhoneLinked: u.phoneLinked}
}

func (i identity) message() *v1.Identity {
	return &v1.Identity{AppId: i.appID, Openid: i.openid, Unionid: i.unionid}
}

func hashOf(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}

func keyPlace(appID, openid string) string {
	return "session_keys " + appID + " " + openid
}

func failed(err error) error {
	return status.Error(codes.Unavailable, err.Error())
}
