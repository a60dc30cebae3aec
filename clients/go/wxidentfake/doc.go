// Package wxidentfake is a wxident server for the unit tests of its callers: in
// the test's own process, on a free loopback port, with the same calls, errors
// and push-back on the wire, and no WeChat behind it.
//
//	fake := wxidentfake.New(t)
//	app := fake.AddApp("wx4f4bc4dec97d474b")
//	alice := fake.AddUser(app, "alice")
//	answer, err := fake.Client().Login(ctx, &wxidentv1.LoginRequest{
//		AppId:      app,
//		Credential: &wxidentv1.LoginRequest_MiniProgramCode{MiniProgramCode: alice.LoginCode()},
//	})
//
// All people belong to one Open Platform account: the same name in two apps is
// one user.
package wxidentfake
