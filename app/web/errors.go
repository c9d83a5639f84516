package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/models/fault"
)

// Problem is an error as it is shown: to people on a page, or on the wire.
type Problem struct {
	Status    int
	Message   string
	Type      string
	Param     string
	Issues    []fault.Issue
	RequestID string
}

// wire gives each kind its status and its default type (contract/admin-api.md §3.1).
var wire = map[fault.Kind]struct {
	status int
	typ    string
}{
	fault.Internal:        {fiber.StatusInternalServerError, "internal_server_error"},
	fault.Invalid:         {fiber.StatusBadRequest, "bad_request_error"},
	fault.Unprocessable:   {fiber.StatusUnprocessableEntity, "validation_error"},
	fault.Unauthenticated: {fiber.StatusUnauthorized, "auth_error"},
	fault.Forbidden:       {fiber.StatusForbidden, "auth_error"},
	fault.NotFound:        {fiber.StatusNotFound, "not_found_error"},
	fault.Conflict:        {fiber.StatusConflict, "bad_request_error"},
	fault.TooLarge:        {fiber.StatusRequestEntityTooLarge, "bad_request_error"},
	fault.Exhausted:       {fiber.StatusTooManyRequests, "rate_limit_error"},
	fault.Unavailable:     {fiber.StatusServiceUnavailable, "service_unavailable"},
}

// Status is the HTTP status of err.
func Status(err error) int { return describe(err).Status }

func describe(err error) Problem {
	if f := fault.As(err); f != nil {
		w := wire[f.Kind]
		p := Problem{Status: w.status, Message: f.Message, Type: f.Type, Param: f.Param, Issues: f.Issues}
		if p.Type == "" {
			p.Type = w.typ
		}
		return p
	}
	var fe *fiber.Error
	if errors.As(err, &fe) {
		return fiberProblem(fe)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Problem{Status: fiber.StatusServiceUnavailable, Message: "the database did not answer in time; try again", Type: "service_unavailable"}
	}
	return Problem{Status: fiber.StatusInternalServerError, Message: "something went wrong", Type: "internal_server_error"}
}

func fiberProblem(fe *fiber.Error) Problem {
	p := Problem{Status: fe.Code, Type: "bad_request_error", Message: strings.ToLower(fe.Message)}
	switch fe.Code {
	case fiber.StatusNotFound:
		p.Type, p.Message = "not_found_error", "Not Found"
	case fiber.StatusMethodNotAllowed:
		p.Message = "Method Not Allowed"
	case fiber.StatusRequestEntityTooLarge:
		p.Message = "the body is larger than 1 MiB"
	default:
		if fe.Code >= fiber.StatusInternalServerError {
			p.Type, p.Message = "internal_server_error", "something went wrong"
		}
	}
	return p
}

// errorHandler makes the answer of every error that a handler returned, and logs it once.
func errorHandler(o Options) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		p := describe(err)
		p.RequestID = RequestID(c)
		if p.Status >= fiber.StatusInternalServerError {
			o.Log.LogAttrs(c.UserContext(), slog.LevelError, "request failed",
				slog.String("request_id", p.RequestID), slog.String("route", c.Route().Path), slog.Int("status", p.Status), slog.Any("error", err))
			if fault.As(err) == nil {
				p.Message += " (request id " + p.RequestID + ")"
			}
		}
		if f := fault.As(err); f != nil && f.RetryAfter > 0 {
			c.Set(fiber.HeaderRetryAfter, strconv.Itoa(max(1, int(f.RetryAfter.Seconds()+0.999))))
		} else if p.Status == fiber.StatusServiceUnavailable {
			c.Set(fiber.HeaderRetryAfter, "1")
		}
		if page, _ := c.Locals(localPartial).(bool); page && o.ErrorPage != nil {
			return o.ErrorPage(c, p)
		}
		if scim, _ := c.Locals(localScim).(bool); scim {
			return writeScim(c, p)
		}
		detail, _ := c.Locals(localDetail).(bool)
		return writeProblem(c, p, detail)
	}
}

type wireError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"param"`
	Code    string `json:"code"`
}

type wireIssue struct {
	Type  string   `json:"type"`
	Loc   []string `json:"loc"`
	Msg   string   `json:"msg"`
	Input struct{} `json:"input"`
}

// writeProblem sends both client styles: "error" always, "detail" in FastAPI's form where LiteLLM leaks it and for 422.
func writeProblem(c *fiber.Ctx, p Problem, detail bool) error {
	param := p.Param
	if param == "" {
		param = "None"
	}
	body := map[string]any{"error": wireError{Message: p.Message, Type: p.Type, Param: param, Code: strconv.Itoa(p.Status)}}
	switch {
	case len(p.Issues) > 0:
		issues := make([]wireIssue, len(p.Issues))
		for i, s := range p.Issues {
			issues[i] = wireIssue{Type: s.Type, Loc: s.Loc, Msg: s.Msg}
		}
		body["detail"] = issues
	case p.Status == fiber.StatusUnprocessableEntity:
		body["detail"] = []wireIssue{{Type: "value_error", Loc: []string{"body", p.Param}, Msg: p.Message}}
	case detail:
		body["detail"] = map[string]string{"error": p.Message}
	}
	out, err := json.Marshal(body)
	if err != nil {
		return err
	}
	c.Status(p.Status).Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(out)
}

// WithScim makes errors of this request SCIM's (RFC 7644 §3.12).
func WithScim(c *fiber.Ctx) { c.Locals(localScim, true) }

type scimError struct {
	Schemas []string `json:"schemas"`
	Status  string   `json:"status"`
	Type    string   `json:"scimType,omitempty"`
	Detail  string   `json:"detail"`
}

func writeScim(c *fiber.Ctx, p Problem) error {
	out := scimError{Schemas: []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, Status: strconv.Itoa(p.Status), Detail: p.Message}
	switch p.Type {
	case "invalidFilter", "invalidPath", "invalidValue", "invalidSyntax", "uniqueness", "mutability", "noTarget", "tooMany":
		out.Type = p.Type
	}
	if p.Status == fiber.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	c.Status(p.Status).Set(fiber.HeaderContentType, "application/scim+json")
	return c.Send(b)
}
