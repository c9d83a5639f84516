package i18n

// Words of the pages about teams, users and one's own account.

func (l Lang) TeamsLead() string {
	return l.pick("A team shares models, a budget and its keys.", "团队共享模型、预算和密钥。")
}
func (l Lang) CreateTeam() string { return l.pick("Create team", "创建团队") }
func (l Lang) CreateTeamLead() string {
	return l.pick("You become its first team admin and can add members next.", "您将成为首位团队管理员，之后可以添加成员。")
}
func (l Lang) SearchTeams() string     { return l.pick("Search teams", "搜索团队") }
func (l Lang) SearchTeamsHint() string { return l.pick("Name or team ID", "名称或团队 ID") }
func (l Lang) NoTeamsMatch() string    { return l.pick("No teams match.", "没有匹配的团队。") }

func (l Lang) NoTeamsYet() string {
	return l.pick("No teams yet. A team lets people share models and a budget.", "还没有团队。团队让成员共享模型和预算。")
}
func (l Lang) YouAre(role string) string { return l.fill("You are: %s", "您的角色：%s", role) }
func (l Lang) Members() string           { return l.pick("Members", "成员") }
func (l Lang) Member() string            { return l.pick("Member", "成员") }
func (l Lang) Role() string              { return l.pick("Role", "角色") }
func (l Lang) TeamID() string            { return l.pick("Team ID", "团队 ID") }
func (l Lang) TeamViews() string         { return l.pick("Team views", "团队视图") }
func (l Lang) TeamBudget() string        { return l.pick("Team budget", "团队预算") }
func (l Lang) MemberBudget() string      { return l.pick("Member budget", "成员预算") }
func (l Lang) MemberBudgetDefault() string {
	return l.pick("Budget of each member", "每位成员的预算")
}
func (l Lang) MembersMay() string   { return l.pick("Members may", "成员可以") }
func (l Lang) PermitCreate() string { return l.pick("Create keys", "创建密钥") }
func (l Lang) PermitUpdate() string { return l.pick("Change keys", "修改密钥") }
func (l Lang) PermitDelete() string { return l.pick("Delete keys", "删除密钥") }
func (l Lang) PermitRotate() string { return l.pick("Rotate keys", "轮换密钥") }
func (l Lang) PermitBlock() string  { return l.pick("Block keys", "停用密钥") }
func (l Lang) PermitInfo() string {
	return l.pick("See all keys of the team", "查看团队全部密钥")
}
func (l Lang) AddMember() string    { return l.pick("Add a member", "添加成员") }
func (l Lang) Add() string          { return l.pick("Add", "添加") }
func (l Lang) Adding() string       { return l.pick("Adding…", "正在添加…") }
func (l Lang) NoMembersYet() string { return l.pick("No members yet.", "还没有成员。") }
func (l Lang) SpendInTeam() string  { return l.pick("Spend in this team", "在此团队的支出") }
func (l Lang) TeamKeys() string     { return l.pick("Team keys", "团队密钥") }
func (l Lang) NoTeamKeys() string {
	return l.pick("This team has no keys yet.", "此团队还没有密钥。")
}

func (l Lang) RemoveTitle(name, team string) string {
	return l.fill("Remove %s from %s?", "将 %s 移出 %s？", name, team)
}
func (l Lang) RemoveMember() string { return l.pick("Remove member", "移除成员") }
func (l Lang) Removing() string     { return l.pick("Removing…", "正在移除…") }
func (l Lang) TheirKeysBlocked(n int64) string {
	return l.count(n, "Their %s team key stops working at once.", "Their %s team keys stop working at once.", "其 %s 个团队密钥会立即失效。")
}

func (l Lang) TheirKeysKept(n int64) string {
	return l.count(n, "Their %s team key keeps working.", "Their %s team keys keep working.", "其 %s 个团队密钥继续有效。")
}

func (l Lang) NoTheirKeys() string {
	return l.pick("They have no team keys.", "此成员没有团队密钥。")
}
func (l Lang) DeleteTeam() string { return l.pick("Delete team", "删除团队") }
func (l Lang) DeleteTeamText(n int64) string {
	return l.count(n, "Its %s key stops working at once. This cannot be undone; past spend stays in the reports.", "Its %s keys stop working at once. This cannot be undone; past spend stays in the reports.", "其 %s 个密钥会立即失效，且无法撤销；以往支出仍保留在报表中。")
}

func (l Lang) ToastMemberAdded(name, team string) string {
	return l.fill("%s is now in %s.", "%s 已加入 %s。", name, team)
}

func (l Lang) ToastMemberRemoved(name, team string) string {
	return l.fill("%s is no longer in %s.", "%s 已移出 %s。", name, team)
}

func (l Lang) ToastTeamCreated(name string) string {
	return l.fill("Team %s is created.", "团队 %s 已创建。", name)
}

func (l Lang) ErrAlreadyMember(name string) string {
	return l.fill("%s is in this team already.", "%s 已在此团队中。", name)
}

func (l Lang) ErrTeamNameMissing() string {
	return l.pick("Give the team a name.", "请为团队命名。")
}

func (l Lang) TeamGone() string {
	return l.pick("This team does not exist, or you may not see it.", "此团队不存在，或您无权查看。")
}

func (l Lang) User() string { return l.pick("User", "用户") }
func (l Lang) UsersLead() string {
	return l.pick("Everyone who can sign in, their role and what they spend.", "所有可登录的人员、他们的角色和支出。")
}
func (l Lang) SearchUsers() string { return l.pick("Search users", "搜索用户") }
func (l Lang) SearchUsersHint() string {
	return l.pick("Email, name or user ID", "邮箱、姓名或用户 ID")
}
func (l Lang) StateInvited() string { return l.pick("Invited", "已邀请") }
func (l Lang) RoleAll() string      { return l.pick("Role: All", "角色：全部") }
func (l Lang) NoUsersMatch() string { return l.pick("No users match.", "没有匹配的用户。") }
func (l Lang) NoUsersYet() string {
	return l.pick("No users yet. Invite the first one.", "还没有用户，请邀请第一位。")
}
func (l Lang) LastActive() string { return l.pick("Last active", "最近活动") }
func (l Lang) InviteUser() string { return l.pick("Invite user", "邀请用户") }
func (l Lang) InviteLead() string {
	return l.pick("You get a link to pass on. It works once.", "您会得到一个可转交的链接，只能使用一次。")
}
func (l Lang) AddTeam() string        { return l.pick("Add a team", "添加团队") }
func (l Lang) PersonalBudget() string { return l.pick("Personal budget", "个人预算") }
func (l Lang) SendInvitation() string {
	return l.pick("Send the link by mail", "通过邮件发送链接")
}
func (l Lang) CreateInvitation() string { return l.pick("Create invitation", "创建邀请") }
func (l Lang) NewInvitation() string    { return l.pick("New invitation link", "新的邀请链接") }

func (l Lang) InvitedTitle(email string) string {
	return l.fill("Invitation for %s", "%s 的邀请", email)
}

func (l Lang) InvitedLead() string {
	return l.pick("Pass this link on. It is shown only now.", "请转交此链接，它只在此处显示一次。")
}
func (l Lang) InvitationLink() string { return l.pick("Invitation link", "邀请链接") }
func (l Lang) LinkValid(until string) string {
	return l.fill("Valid until %s, works once.", "有效期至 %s，只能使用一次。", until)
}

func (l Lang) InvitationMailed(email string) string {
	return l.fill("The link was sent to %s.", "链接已发送至 %s。", email)
}
func (l Lang) Done() string { return l.pick("Done", "完成") }
func (l Lang) ErrEmailTaken(email string) string {
	return l.fill("%s has an account already.", "%s 已有账户。", email)
}

func (l Lang) RoleAdminHelp() string {
	return l.pick("May see and change everything.", "可以查看和修改一切。")
}

func (l Lang) RoleAdminViewerHelp() string {
	return l.pick("May see everything, change nothing.", "可以查看一切，不能修改。")
}

func (l Lang) RoleInternalUserHelp() string {
	return l.pick("May create and delete their own keys.", "可以创建和删除自己的密钥。")
}

func (l Lang) RoleInternalViewerHelp() string {
	return l.pick("May see their own keys and spend.", "可以查看自己的密钥和支出。")
}
func (l Lang) AboutUser() string   { return l.pick("About this user", "关于此用户") }
func (l Lang) UserID() string      { return l.pick("User ID", "用户 ID") }
func (l Lang) SignsInBy() string   { return l.pick("Signs in by", "登录方式") }
func (l Lang) InNoTeam() string    { return l.pick("In no team.", "不在任何团队中。") }
func (l Lang) NoUserKeys() string  { return l.pick("No keys.", "没有密钥。") }
func (l Lang) EndSessions() string { return l.pick("End sessions", "结束会话") }
func (l Lang) RPM() string         { return l.pick("Requests a minute", "每分钟请求") }
func (l Lang) TPM() string         { return l.pick("Tokens a minute", "每分钟词元") }
func (l Lang) PersonalModels() string {
	return l.pick("Models for personal keys", "个人密钥可用的模型")
}

func (l Lang) PersonalModelsHelp() string {
	return l.pick("Team keys follow the team's list.", "团队密钥遵循团队的列表。")
}
func (l Lang) DeleteUser() string { return l.pick("Delete user", "删除用户") }
func (l Lang) DeleteUserText(n int64) string {
	return l.count(n, "Their %s key stops working at once. This cannot be undone; past spend stays in the reports.", "Their %s keys stop working at once. This cannot be undone; past spend stays in the reports.", "其 %s 个密钥会立即失效，且无法撤销；以往支出仍保留在报表中。")
}

func (l Lang) UserGone() string {
	return l.pick("This user does not exist, or you may not see them.", "此用户不存在，或您无权查看。")
}

func (l Lang) ToastSessionsEnded(name string) string {
	return l.fill("All sessions of %s have ended.", "%s 的全部会话已结束。", name)
}

func (l Lang) Import() string      { return l.pick("Import", "导入") }
func (l Lang) ImportUsers() string { return l.pick("Import users", "导入用户") }
func (l Lang) ImportLead() string {
	return l.pick("Invite many people at once. You see every row before anything is sent.", "一次邀请多人。发送前您会看到每一行。")
}
func (l Lang) CSVTemplate() string { return l.pick("CSV template", "CSV 模板") }
func (l Lang) PasteCSV() string    { return l.pick("Paste rows", "粘贴行") }
func (l Lang) CSVHelp() string {
	return l.pick("One person a line: email, role, teams separated by semicolons, budget.", "每行一人：邮箱、角色、以分号分隔的团队、预算。")
}
func (l Lang) OrFile() string { return l.pick("Or choose a file", "或选择文件") }
func (l Lang) FileHelp() string {
	return l.pick("CSV, up to 1 MB or 500 rows.", "CSV，最大 1 MB 或 500 行。")
}
func (l Lang) CheckRows() string { return l.pick("Check rows", "检查行") }
func (l Lang) Preview() string   { return l.pick("Preview", "预览") }
func (l Lang) Row() string       { return l.pick("Row", "行") }
func (l Lang) Ready() string     { return l.pick("Ready", "就绪") }
func (l Lang) StartOver() string { return l.pick("Start over", "重新开始") }
func (l Lang) InviteUsers(n int64) string {
	return l.count(n, "Invite %s user", "Invite %s users", "邀请 %s 位用户")
}

func (l Lang) ImportedUsers(n int64) string {
	return l.count(n, "%s user invited.", "%s users invited.", "已邀请 %s 位用户。")
}

func (l Lang) ErrRow(line int64, field, problem string) string {
	return l.fill("row %s, %s: %s", "第 %s 行，%s：%s", l.Number(line), field, problem)
}

func (l Lang) ErrNotARole(value string) string {
	return l.fill("'%s' is not a role", "“%s”不是有效角色", value)
}

func (l Lang) ErrNoSuchTeam(value string) string {
	return l.fill("there is no team '%s'", "没有团队“%s”", value)
}

func (l Lang) ErrFileTooBig() string {
	return l.pick("This is over 1 MB or 500 rows. Split it.", "超过 1 MB 或 500 行，请拆分。")
}

func (l Lang) ErrNoRows() string {
	return l.pick("Paste at least one row or choose a file.", "请至少粘贴一行或选择文件。")
}

func (l Lang) AccountLead() string {
	return l.pick("Your profile, password and where you are signed in.", "您的资料、密码和登录位置。")
}
func (l Lang) Profile() string     { return l.pick("Profile", "资料") }
func (l Lang) Preferences() string { return l.pick("Preferences", "偏好") }
func (l Lang) TimeZone() string    { return l.pick("Time zone", "时区") }
func (l Lang) TimeZoneHelp(zone string) string {
	return l.fill("For clock times only. Days and budgets are counted in %s.", "仅用于显示时刻。日期和预算按 %s 计算。", zone)
}
func (l Lang) SameAsReports() string      { return l.pick("Same as reports", "与报表相同") }
func (l Lang) KeySearchList() string      { return l.pick("Search this list", "搜索当前列表") }
func (l Lang) KeyGoTo(page string) string { return l.fill("Go to %s", "前往 %s", page) }
func (l Lang) KeyThisHelp() string        { return l.pick("Show these shortcuts", "显示这些快捷键") }

func (l Lang) KeyCloses() string {
	return l.pick("Close a dialog, stop an answer", "关闭对话框，停止回答")
}

func (l Lang) ShortcutsAreOn() string {
	return l.pick("Single keys can be turned off:", "可以关闭单键快捷键：")
}

func (l Lang) ShortcutsAreOff() string {
	return l.pick("Single keys are turned off. Turn them on:", "单键快捷键已关闭，可在此开启：")
}
func (l Lang) KeyboardShortcuts() string { return l.pick("Keyboard shortcuts", "键盘快捷键") }
func (l Lang) KeyboardShortcutsHelp() string {
	return l.pick("/ to search, c to create a key, g k for keys, g u for usage, ? for all. Ctrl K works always.", "/ 搜索，c 创建密钥，g k 密钥，g u 用量，? 显示全部。Ctrl K 始终可用。")
}
func (l Lang) ChangePassword() string { return l.pick("Change password", "修改密码") }
func (l Lang) PasswordEndsSessions() string {
	return l.pick("A new password signs you out everywhere else.", "新密码会使您在其他位置退出登录。")
}
func (l Lang) TwoStep() string { return l.pick("Second factor", "双重验证") }
func (l Lang) TwoStepLead() string {
	return l.pick("A code from an authenticator app, asked after your password.", "在密码之后输入身份验证器应用中的验证码。")
}
func (l Lang) On() string       { return l.pick("On", "已开启") }
func (l Lang) Off() string      { return l.pick("Off", "已关闭") }
func (l Lang) TurnOn() string   { return l.pick("Turn on", "开启") }
func (l Lang) TurnOff() string  { return l.pick("Turn off", "关闭") }
func (l Lang) SetUp() string    { return l.pick("Set up", "设置") }
func (l Lang) SetupKey() string { return l.pick("Setup key", "设置密钥") }
func (l Lang) SetupKeyHelp() string {
	return l.pick("Enter this key in your authenticator app, then type its code below.", "在身份验证器应用中输入此密钥，然后在下方输入验证码。")
}
func (l Lang) Sessions() string         { return l.pick("Sessions", "会话") }
func (l Lang) ThisSession() string      { return l.pick("This session", "当前会话") }
func (l Lang) End() string              { return l.pick("End", "结束") }
func (l Lang) EndOtherSessions() string { return l.pick("End all others", "结束其他全部") }
func (l Lang) EndSessionOf(device string) string {
	return l.fill("End session on %s", "结束 %s 上的会话", device)
}

func (l Lang) ToastPasswordChanged() string {
	return l.pick("Password changed. You are signed out everywhere else.", "密码已修改，您在其他位置已退出登录。")
}
