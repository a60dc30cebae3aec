package wxident

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// UnaryServerInterceptor lets calls with an active session in their metadata
// "authorization" pass; handlers find it by [SessionFromContext]. All others end:
// UNAUTHENTICATED where there is no token or it is not active, UNAVAILABLE
// where the server could not be asked.
func (a *Authenticator) UnaryServerInterceptor() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		ctx, err := a.authenticateCall(ctx)
		if err != nil {
			return nil, err
		}
		return handle(ctx, request)
	}
}

// StreamServerInterceptor is UnaryServerInterceptor for streams. The session is
// looked at once, when the stream begins.
func (a *Authenticator) StreamServerInterceptor() grpc.StreamServerInterceptor {
	return func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		ctx, err := a.authenticateCall(stream.Context())
		if err != nil {
			return err
		}
		return handle(server, sessionStream{stream, ctx})
	}
}

type sessionStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s sessionStream) Context() context.Context { return s.ctx }

func (a *Authenticator) authenticateCall(ctx context.Context) (context.Context, error) {
	token := ""
	if values := metadata.ValueFromIncomingContext(ctx, "authorization"); len(values) > 0 {
		token = bearerToken(values[0])
	}
	if token == "" && a.anonymous {
		return ctx, nil
	}
	session, err := a.Authenticate(ctx, token)
	switch {
	case err == nil:
		return ContextWithSession(ctx, session), nil
	case errors.Is(err, ErrSessionNotActive):
		return nil, status.Error(codes.Unauthenticated, "no active session; log in and send its token")
	case ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	unavailable := status.New(codes.Unavailable, "the session could not be checked; try again")
	told, err := unavailable.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter(err))})
	if err != nil {
		told = unavailable
	}
	return nil, told.Err()
}
