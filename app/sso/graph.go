package sso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"gatehouse/app/config"
	"gatehouse/app/control"
)

// maxPages bounds a Graph list; a page has 100 entries unless asked otherwise.
const maxPages = 200

// graphGroups adds the person's groups. With a service principal configured only the groups that are assigned to that
// app count; all of those become teams, whether or not this person is in them.
func (s *Service) graphGroups(ctx context.Context, c *config.Microsoft, e Endpoints, token string, out *control.SSOProfile) error {
	type entry struct {
		Type string `json:"@odata.type"`
		ID   string `json:"id"`
		Name string `json:"displayName"`
	}
	graph := graphOf(c, e)
	if graph == "" {
		return nil
	}
	var mine []control.SSOGroup
	err := s.graphList(ctx, graph, "/me/memberOf?$select=id,displayName&$top=100", token, func(raw json.RawMessage) error {
		var one entry
		if err := json.Unmarshal(raw, &one); err != nil {
			return fmt.Errorf("read a group: %w", err)
		}
		if one.ID != "" && (one.Type == "" || one.Type == "#microsoft.graph.group") {
			mine = append(mine, control.SSOGroup{ID: one.ID, Name: one.Name})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.ServicePrincipalID != "" {
		assigned, err := s.assignedGroups(ctx, c, graph, token)
		if err != nil {
			return err
		}
		known := map[string]bool{}
		for _, g := range assigned {
			known[g.ID] = true
		}
		kept := mine[:0]
		for _, g := range mine {
			if known[g.ID] {
				kept = append(kept, g)
			}
		}
		mine, out.AppGroups, out.CreateTeams = kept, assigned, true
	}
	have := map[string]bool{}
	for _, g := range out.Groups {
		have[g.ID] = true
	}
	for _, g := range mine {
		if !have[g.ID] {
			out.Groups = append(out.Groups, g)
		}
	}
	out.GroupsKnown = true
	return nil
}

// graphOf is the Microsoft Graph that the person's token is for: the one whose /me is the userinfo endpoint. A userinfo
// endpoint that is none has no groups to ask for, and Microsoft's Graph is not shown another cloud's token.
func graphOf(c *config.Microsoft, e Endpoints) string {
	if c.UserinfoEndpoint == "" {
		return e.Graph + "/v1.0"
	}
	if base, ok := strings.CutSuffix(strings.TrimRight(c.UserinfoEndpoint, "/"), "/me"); ok {
		return base
	}
	return ""
}

// assignedGroups lists the groups assigned to the enterprise application.
func (s *Service) assignedGroups(ctx context.Context, c *config.Microsoft, graph, token string) ([]control.SSOGroup, error) {
	var out []control.SSOGroup
	path := "/servicePrincipals/" + url.PathEscape(c.ServicePrincipalID) + "/appRoleAssignedTo"
	err := s.graphList(ctx, graph, path, token, func(raw json.RawMessage) error {
		var one struct {
			Type string `json:"principalType"`
			ID   string `json:"principalId"`
			Name string `json:"principalDisplayName"`
		}
		if err := json.Unmarshal(raw, &one); err != nil {
			return fmt.Errorf("read an assignment: %w", err)
		}
		if one.Type == "Group" && one.ID != "" {
			out = append(out, control.SSOGroup{ID: one.ID, Name: one.Name})
		}
		return nil
	})
	return out, err
}

// graphList walks a list page by page. The next page must be on the same host: the link comes from an answer, and the
// token goes with it.
func (s *Service) graphList(ctx context.Context, graph, path, token string, each func(json.RawMessage) error) error {
	address := graph + path
	for range maxPages {
		raw, err := s.get(ctx, address, token)
		if err != nil {
			return err
		}
		var page struct {
			Value []json.RawMessage `json:"value"`
			Next  string            `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return fmt.Errorf("read a page of Microsoft Graph: %w", err)
		}
		for _, one := range page.Value {
			if err := each(one); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		if originOf(page.Next) != originOf(graph) {
			return errors.New("the next page of Microsoft Graph is on another host")
		}
		address = page.Next
	}
	return errors.New("the list of Microsoft Graph has more than 200 pages")
}
