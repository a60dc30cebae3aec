package wxident

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Middleware lets requests with an active session pass on to next, which finds
// it by [SessionFromContext]. All others are answered: 401 with
// "WWW-Authenticate: Bearer" where there is no token or it is not active, 503
// with Retry-After where the server could not be asked.
func (a *Authenticator) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := bearerToken(r.Header.Get("Authorization"))
		if token == "" && a.cookie != "" {
			if cookie, err := r.Cookie(a.cookie); err == nil {
				token = cookie.Value
			}
		}
		if token == "" && a.anonymous {
			next.ServeHTTP(w, r)
			return
		}
		session, err := a.Authenticate(r.Context(), token)
		switch {
		case err == nil:
			next.ServeHTTP(w, r.WithContext(ContextWithSession(r.Context(), session)))
		case errors.Is(err, ErrSessionNotActive):
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "no active session; log in and send its token", http.StatusUnauthorized)
		default:
			seconds := math.Ceil(retryAfter(err).Seconds())
			w.Header().Set("Retry-After", strconv.FormatFloat(seconds, 'f', 0, 64))
			http.Error(w, "the session could not be checked; try again", http.StatusServiceUnavailable)
		}
	})
}

// bearerToken is what follows "Bearer", or nothing.
func bearerToken(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Trim(token, " ")
}

// retryAfter is how long to wait after an error: a second, or what the server
// said.
func retryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) && e.RetryAfter > time.Second {
		return e.RetryAfter
	}
	return time.Second
}
