// Package wxident is the client of wxident, the WeChat identity service of a
// company's own microservices.
//
// A [Client] has one method for each call of the service, with deadlines,
// retries, load balancing and TLS set up as the service wants them:
//
//	client, err := wxident.FromEnv()
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	answer, err := client.GetUser(ctx, &wxidentv1.GetUserRequest{
//		Subject: &wxidentv1.GetUserRequest_UserId{UserId: id},
//	})
//
// Every error of a call is an [*Error]. What went wrong is told by sentinels:
//
//	if errors.Is(err, wxident.ErrLoginCodeInvalid) {
//		// Ask the mini program for a new code.
//	}
//
// [AccessTokenSource] keeps an app's access_token of WeChat in memory, always
// the current one. [Authenticator] finds the session of an incoming HTTP or
// gRPC request. Package wxidentfake is a server for the unit tests of callers.
package wxident

// Version is this client's version, which it names to the server.
const Version = "0.1.0"
