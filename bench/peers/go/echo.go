package main

import (
	"context"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

// What the simulator gives out has as many bytes.
const echoedTokenSize = 135

type echoService struct {
	v1.UnimplementedIdentityServiceServer
	token string
}

func newEcho() *echoService {
	return &echoService{token: strings.Repeat("t", echoedTokenSize)}
}

func (e *echoService) GetAccessToken(context.Context, *v1.GetAccessTokenRequest) (*v1.GetAccessTokenResponse, error) {
	return &v1.GetAccessTokenResponse{
		AccessToken: e.token,
		ExpireTime:  &timestamppb.Timestamp{Seconds: 1_800_000_000},
		Generation:  1,
		Kind:        v1.AccessTokenKind_ACCESS_TOKEN_KIND_APP,
	}, nil
}
