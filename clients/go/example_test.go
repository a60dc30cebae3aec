package wxident_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

func Example() {
	fake, err := wxidentfake.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	alice := fake.AddUser("wx4f4bc4dec97d474b", "alice")

	client, err := wxident.New(fake.Addr(), wxident.WithInsecure())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	login, err := client.Login(context.Background(), &wxidentv1.LoginRequest{
		AppId:      "wx4f4bc4dec97d474b",
		Credential: &wxidentv1.LoginRequest_MiniProgramCode{MiniProgramCode: alice.LoginCode()},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(login.GetUser().GetUserId() == alice.ID(), login.GetNewUser())
	// Output: true true
}

func ExampleError() {
	fake, err := wxidentfake.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	app := fake.AddApp("wx4f4bc4dec97d474b")

	_, err = fake.Client().Login(context.Background(), &wxidentv1.LoginRequest{
		AppId:      app,
		Credential: &wxidentv1.LoginRequest_MiniProgramCode{MiniProgramCode: "invented"},
	})
	if errors.Is(err, wxident.ErrLoginCodeInvalid) {
		fmt.Println("have the mini program call wx.login again")
	}
	var e *wxident.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, e.Metadata["errcode"])
	}
	// Output:
	// have the mini program call wx.login again
	// FailedPrecondition 40029
}

func ExampleAccessTokenSource() {
	fake, err := wxidentfake.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	app := fake.AddApp("wx0a1b2c3d4e5f6071")

	source := fake.Client().AccessTokenSource(app)
	defer source.Close()
	token, err := source.Get(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("generation", token.Generation)
	// WeChat answered errcode 40001.
	token, err = source.ReportRejected(context.Background(), token.Value)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("generation", token.Generation)
	// Output:
	// generation 1
	// generation 2
}

func ExampleAuthenticator_Middleware() {
	fake, err := wxidentfake.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer fake.Close()
	alice := fake.AddUser("wx4f4bc4dec97d474b", "alice")

	authenticator := wxident.NewAuthenticator(fake.Client(), wxident.WithCookie("sid"))
	handler := authenticator.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := wxident.SessionFromContext(r.Context())
		fmt.Println("alice:", session.GetUser().GetUserId() == alice.ID())
	}))

	for _, token := range []string{alice.Login(), "wxs1_forged"} {
		request := httptest.NewRequest(http.MethodGet, "/orders", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		fmt.Println(recorder.Code)
	}
	// Output:
	// alice: true
	// 200
	// 401
}
