package i18n

// Words of the overview, usage and caching pages.

func (l Lang) OverviewLead() string {
	return l.pick("What you spend, what runs and what needs you.", "您的支出、运行情况和待处理事项。")
}

func (l Lang) YourSpendThisMonth() string {
	return l.pick("Your spend this month", "您本月的支出")
}
func (l Lang) BudgetLeft() string     { return l.pick("Budget left", "剩余预算") }
func (l Lang) FailedRequests() string { return l.pick("Failed, last 24 h", "最近 24 小时失败") }

func (l Lang) NothingToDo() string { return l.pick("Nothing needs you.", "没有待处理事项。") }

func (l Lang) LastKeys() string { return l.pick("Recently used keys", "最近使用的密钥") }
func (l Lang) TopTeams() string { return l.pick("Top teams", "支出最多的团队") }
func (l Lang) ProviderErrors() string {
	return l.pick("Provider errors, last 24 h", "最近 24 小时供应商错误")
}

func (l Lang) NoProviderErrors() string {
	return l.pick("No provider errors.", "没有供应商错误。")
}
func (l Lang) OpenLogs() string      { return l.pick("Open logs", "打开日志") }
func (l Lang) SpendPerDay30() string { return l.pick("Spend, last 30 days", "最近 30 天支出") }
func (l Lang) SetupTitle() string    { return l.pick("Finish setting up", "完成设置") }
func (l Lang) DoneMark() string      { return l.pick("done", "已完成") }
func (l Lang) SetupModels() string   { return l.pick("Add a model", "添加模型") }
func (l Lang) SetupInvite() string   { return l.pick("Invite someone", "邀请成员") }
func (l Lang) SetupTeam() string     { return l.pick("Create a team", "创建团队") }
func (l Lang) SetupKeyStep() string  { return l.pick("Create a key", "创建密钥") }
func (l Lang) SetupMail() string     { return l.pick("Set up mail", "设置邮件") }
func (l Lang) SetupSSO() string      { return l.pick("Set up single sign-on", "设置单点登录") }

func (l Lang) SetupPassword() string {
	return l.pick("Set a password apart from the master key", "设置与主密钥不同的密码")
}

func (l Lang) AttnBudgetShare(percent, budget string) string {
	return l.fill("%s of its %s budget is used.", "已使用 %[2]s 预算的 %[1]s。", percent, budget)
}

func (l Lang) AttnOverBudget(budget string) string {
	return l.fill("Its %s budget is used up; calls are refused.", "%s 的预算已用完，调用会被拒绝。", budget)
}
func (l Lang) AttnExpires(when string) string { return l.fill("Expires %s.", "%s到期。", when) }
func (l Lang) AttnExpired(when string) string {
	return l.fill("Expired %s; calls are refused.", "已于 %s到期，调用会被拒绝。", when)
}

func (l Lang) AttnBlocked() string {
	return l.pick("Blocked; calls are refused.", "已停用，调用会被拒绝。")
}

func (l Lang) AttnUnused(days int64) string {
	return l.fill("Not used for %s.", "已有 %s未使用。", l.Days(days))
}
func (l Lang) RaiseBudget() string { return l.pick("Raise budget", "提高预算") }
func (l Lang) Review() string      { return l.pick("Review", "查看") }

func (l Lang) UsageLead(updated string) string {
	return l.fill("Spend and traffic for every key you can see. Updated %s.", "您可查看的全部密钥的支出和流量。更新于 %s。", updated)
}

func (l Lang) SecondsAgo(n int64) string {
	return l.count(n, "%s second ago", "%s seconds ago", "%s 秒前")
}
func (l Lang) UsageViews() string { return l.pick("Usage views", "用量视图") }
func (l Lang) APIKey() string     { return l.pick("API key", "API 密钥") }
func (l Lang) From() string       { return l.pick("From", "从") }
func (l Lang) To() string         { return l.pick("To", "至") }
func (l Lang) Measure() string    { return l.pick("Measure", "指标") }
func (l Lang) GroupBy() string    { return l.pick("Group by", "分组") }
func (l Lang) ByModel() string    { return l.pick("By model", "按模型") }
func (l Lang) ByKey() string      { return l.pick("By key", "按密钥") }
func (l Lang) ByTeam() string     { return l.pick("By team", "按团队") }
func (l Lang) ByUser() string     { return l.pick("By user", "按用户") }
func (l Lang) ByTag() string      { return l.pick("By tag", "按标签") }
func (l Lang) Today() string      { return l.pick("Today", "今天") }
func (l Lang) LastDays(n int64) string {
	return l.count(n, "Last %s day", "Last %s days", "最近 %s 天")
}
func (l Lang) ThisMonthRange() string { return l.pick("This month", "本月") }
func (l Lang) LastMonth() string      { return l.pick("Last month", "上月") }
func (l Lang) CustomRange() string    { return l.pick("Custom", "自定义") }
func (l Lang) Requests() string       { return l.pick("Requests", "请求数") }
func (l Lang) Failed() string         { return l.pick("Failed", "失败") }
func (l Lang) Tokens() string         { return l.pick("Tokens", "词元") }
func (l Lang) TokensIn() string       { return l.pick("Tokens in", "输入词元") }
func (l Lang) TokensOut() string      { return l.pick("Tokens out", "输出词元") }
func (l Lang) InAndOut(in, out string) string {
	return l.fill("%s in, %s out", "输入 %s，输出 %s", in, out)
}
func (l Lang) CacheHitRate() string { return l.pick("Cache hit rate", "缓存命中率") }
func (l Lang) SavedAmount(amount string) string {
	return l.fill("saved %s", "节省 %s", amount)
}

func (l Lang) VersusBefore(amount string) string {
	return l.fill("vs %s before", "上期 %s", amount)
}
func (l Lang) NoEarlierPeriod() string { return l.pick("no earlier period", "没有上期数据") }
func (l Lang) Points(f string) string  { return l.fill("%s pt", "%s 个百分点", f) }
func (l Lang) SpendPer(step string) string {
	return l.fill("Spend per %s", "每%s支出", step)
}

func (l Lang) RequestsPer(step string) string {
	return l.fill("Requests per %s", "每%s请求数", step)
}

func (l Lang) TokensPer(step string) string {
	return l.fill("Tokens per %s", "每%s词元", step)
}
func (l Lang) StepDay() string   { return l.pick("day", "日") }
func (l Lang) StepWeek() string  { return l.pick("week", "周") }
func (l Lang) StepMonth() string { return l.pick("month", "月") }
func (l Lang) DayHead() string   { return l.pick("Day", "日期") }
func (l Lang) WeekHead() string  { return l.pick("Week", "周") }
func (l Lang) MonthHead() string { return l.pick("Month", "月份") }
func (l Lang) Other() string     { return l.pick("Other", "其他") }
func (l Lang) Unassigned() string {
	return l.pick("No team", "无团队")
}

func (l Lang) PaceFor(amount string) string {
	return l.fill("Pace for the %s monthly budget", "%s 月预算的每日额度", amount)
}
func (l Lang) TopKeys() string { return l.pick("Top keys", "支出最多的密钥") }
func (l Lang) MoreKeys(n int64) string {
	return l.count(n, "%s more key", "%s more keys", "其余 %s 个密钥")
}
func (l Lang) TeamBudgets() string { return l.pick("Team budgets", "团队预算") }
func (l Lang) NoTeamBudgets() string {
	return l.pick("No team has a budget.", "没有团队设置预算。")
}

func (l Lang) ResetOn(day string) string {
	return l.fill("Reset %s", "%s 重置", day)
}

func (l Lang) RunsOutIn(days int64) string {
	return l.fill("runs out in %s", "%s后用完", l.Days(days))
}

func (l Lang) UsageBy(what string) string {
	return l.fill("Usage by %s", "按%s的用量", l.lowerFirst(what))
}

func (l Lang) SpendLast14Days() string { return l.pick("Spend, last 14 days", "最近 14 天支出") }
func (l Lang) ResponseCache() string   { return l.pick("Response cache", "响应缓存") }
func (l Lang) ResponseCacheLead() string {
	return l.pick("Whole answers that this gateway kept and gave again. They cost nothing.", "网关保存并重复返回的完整回答，不产生费用。")
}
func (l Lang) PromptCache() string { return l.pick("Prompt cache", "提示缓存") }
func (l Lang) PromptCacheLead() string {
	return l.pick("Parts of prompts that providers kept and charged at a lower price.", "供应商保存并以更低价格计费的提示内容。")
}

func (l Lang) CacheOff() string {
	return l.pick("The response cache is turned off. An admin can turn it on in config.yaml.", "响应缓存已关闭。管理员可在 config.yaml 中开启。")
}
func (l Lang) Hits() string         { return l.pick("Hits", "命中") }
func (l Lang) HitRate() string      { return l.pick("Hit rate", "命中率") }
func (l Lang) CachedTokens() string { return l.pick("Cached tokens read", "读取的缓存词元") }
func (l Lang) CacheWritten() string { return l.pick("Cached tokens written", "写入的缓存词元") }
func (l Lang) Saved() string        { return l.pick("Saved", "节省") }
func (l Lang) SavedResponseHelp() string {
	return l.pick("For each hit: what the tokens of the answer would have cost.", "每次命中：该回答的词元原本所需的费用。")
}

func (l Lang) SavedPromptHelp() string {
	return l.pick("Cached tokens × (input price − cached price), less what writing them cost extra.", "缓存词元 ×（输入价 − 缓存价），减去写入时多付的费用。")
}
func (l Lang) CachingByModel() string { return l.pick("Caching by model", "按模型的缓存") }
