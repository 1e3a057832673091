"""The web calls that an AI may make."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.ai.settings import MAX_TOOLS, Tool
from bots.ai_pages.forms.tool_forms import ToolForms
from bots.ai_pages.selectors import Ai, get_ai_or_404
from bots.ai_pages.services import TooManyTools, delete_tool, save_tool
from bots.ai_pages.views.frame import frame
from organizations.permissions import Access, for_admins, for_members


@for_members
@require_safe
def tools(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The web calls of the draft. Headers are only on the page of one web call, for administrators. Members
    see URLs without their query."""
    ai = get_ai_or_404(access.organization, ai_id)
    context = frame(ai, "ai_tools") | {"limit": MAX_TOOLS, "may_add": access.is_admin and len(ai.settings.tools) < MAX_TOOLS}
    return render(request, "bots/ai/tools.html", context)


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def new_tool(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The form of a new web call."""
    return _tool_page(request, access, get_ai_or_404(access.organization, ai_id), None)


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def edit_tool(request: HttpRequest, access: Access, ai_id: int, tool_name: str) -> HttpResponse:
    """The form of a web call."""
    ai = get_ai_or_404(access.organization, ai_id)
    tool = next((each for each in ai.settings.tools if each.name == tool_name), None)
    if tool is None:
        raise Http404
    return _tool_page(request, access, ai, tool)


def _tool_page(request: HttpRequest, access: Access, ai: Ai, tool: Tool | None) -> HttpResponse:
    taken = {each.name for each in ai.settings.tools} - {tool.name if tool else ""}
    forms = ToolForms(
        request.POST if request.method == "POST" else None,
        organization_id=access.organization.pk,
        taken=taken,
        tool=tool,
    )
    if request.method == "POST" and forms.is_valid:
        try:
            save_tool(bot=ai.bot, tool=forms.tool, replaced=tool.name if tool else "", now=timezone.now())
        except TooManyTools:
            forms.form.add_error(None, gettext("An AI has at most %(limit)s web calls.") % {"limit": MAX_TOOLS})
        else:
            messages.success(request, gettext("The draft is saved. Customers get it when you publish."))
            return redirect("ai_tools", access.organization.pk, ai.bot.pk)
    context = frame(ai, "ai_tools") | {"forms": forms, "tool": tool}
    return render(request, "bots/ai/tool.html", context, status=422 if request.method == "POST" else 200)


@for_admins
@require_POST
def remove_tool(request: HttpRequest, access: Access, ai_id: int, tool_name: str) -> HttpResponse:
    """Removes a web call from the draft."""
    ai = get_ai_or_404(access.organization, ai_id)
    delete_tool(bot=ai.bot, name=tool_name, now=timezone.now())
    messages.success(request, gettext("The web call %(name)s is removed from the draft.") % {"name": tool_name})
    return redirect("ai_tools", access.organization.pk, ai.bot.pk)
