package bedrock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"gatehouse/models"
	"gatehouse/proxy/provider"
)

// role gives the keys of a role that a deployment takes on at AWS STS, by its own keys or by a web identity token (EKS).
type role struct {
	env     provider.Env
	arn     string
	session string
	token   string // file with a web identity token; "" = keys
	keys    aws.Credentials
	region  string
	url     string

	mu  sync.Mutex
	now aws.Credentials
}

// roleOf reads which role a deployment takes on; nil when it takes on none.
func roleOf(d *models.Deployment, env provider.Env, region string, keys aws.Credentials) (*role, error) {
	text := func(name string) string { s, _ := d.Params[name].(string); return s }
	r := &role{env: env, arn: text("aws_role_name"), session: text("aws_session_name"), region: region, keys: keys, url: text("aws_sts_endpoint")}
	if env.Trusted && keys.AccessKeyID == "" {
		r.token = env.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE")
		if file := text("aws_web_identity_token_file"); file != "" {
			r.token = file
		}
		if r.arn == "" && r.token != "" {
			r.arn = env.Getenv("AWS_ROLE_ARN")
		}
	}
	if r.session == "" {
		r.session = "gatehouse"
	}
	if r.url == "" {
		r.url = "https://sts." + region + ".amazonaws.com/"
	}
	switch {
	case r.arn == "":
		return nil, nil //nolint:nilnil // no role
	case r.token == "" && keys.AccessKeyID == "":
		return nil, errNoKeys
	}
	return r, nil
}

// renewKeys is how long before their end keys are renewed.
const renewKeys = 2 * time.Minute

// get returns keys that hold for a while, from AWS when those at hand do not. Calls that come meanwhile wait.
func (r *role) get(ctx context.Context) (aws.Credentials, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now.AccessKeyID != "" && r.env.Now().Add(renewKeys).Before(r.now.Expires) {
		return r.now, nil
	}
	keys, err := r.assume(ctx)
	if err != nil {
		return keys, fmt.Errorf("take on the role: %w", err)
	}
	r.now = keys
	return keys, nil
}

type assumed struct {
	Keys struct {
		AccessKeyID     string    `xml:"AccessKeyId"`
		SecretAccessKey string    `xml:"SecretAccessKey"`
		SessionToken    string    `xml:"SessionToken"`
		Expiration      time.Time `xml:"Expiration"`
	} `xml:"Credentials"`
}

func (r *role) assume(ctx context.Context) (aws.Credentials, error) {
	form := url.Values{"Version": {"2011-06-15"}, "RoleArn": {r.arn}, "RoleSessionName": {r.session}, "Action": {"AssumeRole"}}
	if r.token != "" {
		token, err := r.env.ReadFile(r.token)
		if err != nil {
			return aws.Credentials{}, fmt.Errorf("read the web identity token: %w", err)
		}
		form.Set("Action", "AssumeRoleWithWebIdentity")
		form.Set("WebIdentityToken", strings.TrimSpace(string(token)))
	}
	body := form.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(body))
	if err != nil {
		return aws.Credentials{}, errors.New("aws_sts_endpoint is no URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if r.token == "" {
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(ctx, r.keys, req, hex.EncodeToString(sum[:]), "sts", r.region, r.env.Now()); err != nil {
			return aws.Credentials{}, fmt.Errorf("sign: %w", err)
		}
	}
	resp, err := r.env.HTTP.Do(req)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("ask STS: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("ask STS: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return aws.Credentials{}, fmt.Errorf("STS answered %s", resp.Status)
	}
	var answer struct {
		Keys assumed `xml:"AssumeRoleResult"`
		Web  assumed `xml:"AssumeRoleWithWebIdentityResult"`
	}
	if err := xml.Unmarshal(text, &answer); err != nil {
		return aws.Credentials{}, fmt.Errorf("read the answer of STS: %w", err)
	}
	keys := answer.Keys.Keys
	if r.token != "" {
		keys = answer.Web.Keys
	}
	if keys.AccessKeyID == "" || keys.SecretAccessKey == "" {
		return aws.Credentials{}, errors.New("STS gave no keys")
	}
	return aws.Credentials{
		AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken, Expires: keys.Expiration, CanExpire: true,
	}, nil
}
