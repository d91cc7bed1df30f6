/* readings_budget.h - what is left of budgets, on the page of metrics. */
#pragma once
#include "gateway/gateway.h"
#include "meter/metric_page.h"

/* Budgets of organisations and teams; with `metrics: {keys: on}` also of keys and users.
 * The oldest `metrics.series` have a series each; of all others the one that has the
 * least left is told as `other`.  Names that several have come with their ids. Allocates.
 */
void readings_budgets(struct gateway *g, struct metric_page *page);
