"""Chat templates in the styles that are met in the wild, written for these tests: each uses what its kind uses.

for name, template in TEMPLATES.items(): ...
"""

TEMPLATES = {
    "roles in brackets": (
        "{%- for message in messages -%}\n"
        "  {%- if message['role'] not in ['system', 'user', 'assistant'] -%}\n"
        "    {{- raise_exception('unknown role: ' ~ message['role']) -}}\n"
        "  {%- endif -%}\n"
        "[{{ message.role | upper }}] {{ message.content | trim }}\n"
        "{% endfor -%}\n"
        "{%- if add_generation_prompt %}[ASSISTANT]{% endif -%}"
    ),
    "system first, then pairs": (
        "{% if messages[0]['role'] == 'system' %}{% set system = messages[0].content %}{% set rest = messages[1:] %}"
        "{% else %}{% set system = 'You are a bear.' %}{% set rest = messages %}{% endif %}"
        "{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('user and assistant must alternate') }}{% endif %}"
        "{% if loop.first %}<<{{ system }}>>\n{% endif %}{{ bos_token if m.role == 'user' }}{{ m.content.strip() }}"
        "{{ eos_token if m.role == 'assistant' else ' ->' }}{% endfor %}"
    ),
    "tools as json lines": (
        "{%- if tools is defined and tools is not none and tools | length > 0 %}\n"
        "    {{- '# Tools\\n' }}\n"
        "    {%- for tool in tools %}\n"
        "        {{- tool | tojson }}\n"
        "        {%- if not loop.last %}{{- '\\n' }}{%- endif %}\n"
        "    {%- endfor %}\n"
        "    {{- '\\n</tools>\\n' }}\n"
        "{%- endif %}\n"
        "{%- for m in messages %}\n"
        "    {%- if m.tool_calls %}\n"
        "        {%- for call in m.tool_calls %}\n"
        "            {%- set call = call.function if call.function is defined else call %}\n"
        '            {{- \'<call>{"name": "\' ~ call.name ~ \'", "arguments": \' }}\n'
        "            {{- call.arguments if call.arguments is string else call.arguments | tojson }}\n"
        "            {{- '}</call>' }}\n"
        "        {%- endfor %}\n"
        "    {%- elif m.role == 'tool' %}\n"
        "        {{- '<answer>' ~ m.content ~ '</answer>' }}\n"
        "    {%- else %}\n"
        "        {{- m.content }}\n"
        "    {%- endif %}\n"
        "{%- endfor %}"
    ),
    "tool answers in one turn": (
        "{% for m in messages %}{% if m.role == 'tool' %}"
        "{% if loop.first or messages[loop.index0 - 1].role != 'tool' %}<tools>{% endif %}{{ m.content }};"
        "{% if loop.last or messages[loop.index0 + 1].role != 'tool' %}</tools>{% endif %}"
        "{% else %}{{ m.role }}: {{ m.content }}\n{% endif %}{% endfor %}"
    ),
    "thoughts only behind the last question": (
        "{%- set ns = namespace(last=-1, open=true) -%}\n"
        "{%- for m in messages[::-1] -%}\n"
        "  {%- set at = messages | length - 1 - loop.index0 -%}\n"
        "  {%- if ns.open and m.role == 'user' -%}{%- set ns.open = false -%}{%- set ns.last = at -%}{%- endif -%}\n"
        "{%- endfor -%}\n"
        "{%- for m in messages -%}\n"
        "  {%- set content = m.content if m.content is string else '' -%}\n"
        "  {%- if '</think>' in content -%}\n"
        "    {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') -%}\n"
        "    {%- set content = content.split('</think>')[-1].lstrip('\\n') -%}\n"
        "  {%- else -%}{%- set thought = m.reasoning_content or '' -%}{%- endif -%}\n"
        "  {{- m.role ~ '|' -}}{%- if loop.index0 > ns.last and thought -%}({{ thought }}){%- endif -%}{{ content }}/\n"
        "{%- endfor -%}"
    ),
    "a switch for thinking": (
        "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}A:"
        "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}{% endif %}"
    ),
    "parts of a message": (
        "{% for m in messages %}{{ m.role }}:{% if m.content is string %}{{ m.content }}"
        "{% elif m.content is mapping %}{{ m.content | tojson }}{% elif m.content is iterable %}"
        "{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% elif part['type'] == 'image' or "
        "'image_url' in part %}<image>{% else %}<{{ part.type }}>{% endif %}{% endfor %}{% endif %};{% endfor %}"
    ),
    "images are counted": (
        "{% set image = namespace(n=0) %}{% for m in messages %}{% for part in m.content if part is mapping %}"
        "{% if part.type == 'image' %}{% set image.n = image.n + 1 %}Picture {{ image.n }}: {% endif %}{% endfor %}"
        "{% endfor %}{{ image.n }}"
    ),
    "types as a programming language": (
        "{% macro kind(s) -%}{% if s.enum %}{{ s.enum | map('tojson') | join(' | ') }}{% elif s.type == 'array' %}"
        "{{ kind(s['items']) if s['items'] else 'any' }}[]{% elif s.type is sequence and s.type is not string %}"
        "{{ s.type | join(' | ') }}{% elif s.type == 'object' %}{ {% for k, v in (s.properties or {}).items() %}{{ k }}"
        "{{ '?' if k not in (s.required or []) }}: {{ kind(v) }}, {% endfor %}}{% else %}{{ s.type or 'any' }}"
        "{% endif %}"
        "{%- endmacro %}{% for t in tools or [] %}{% set f = t.function %}// {{ f.description }}\n"
        "type {{ f.name }} = (_: {{ kind(f.parameters) }}) => any;\n{% endfor %}{{ messages[-1].content }}"
    ),
    "documents": (
        "{% if documents %}{% for d in documents %}Document: {{ loop.index }}\n{% for key, value in d.items() %}"
        "{{ key | title }}: {{ value }}\n{% endfor %}\n{% endfor %}{% endif %}{{ messages | selectattr('role', "
        "'equalto', 'user') | map(attribute='content') | join('\\n') }}"
    ),
    "rejects and groups": (
        "{% for role, some in messages | groupby('role') %}{{ role }}={{ some | length }} {% endfor %}"
        "{{ (messages | rejectattr('role', 'in', ['system', 'tool']) | list)[-1].role }}"
        "{{ messages | selectattr('tool_calls', 'defined') | list | length }}"
    ),
    "neighbours": (
        "{% for m in messages %}{% if loop.previtem is defined and loop.previtem.role == m.role %}& {% endif %}"
        "{{ m.role[0] }}{{ loop.revindex }}{{ loop.cycle('a', 'b') }}{% if loop.changed(m.role) %}!{% endif %}"
        "{% if loop.nextitem is defined %}>{{ loop.nextitem.role }}{% endif %} {% endfor %}"
    ),
    "first three, without the system": (
        "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{% if loop.index > 3 %}{% break %}"
        "{% endif %}{{ m.content }}|{% else %}nothing{% endfor %}"
    ),
    "json in every dress": (
        "{{ messages[0] | tojson }}{{ messages[0] | tojson(indent=2) }}{{ messages | tojson(separators=(',', ':')) }}"
        "{{ {'b': 1, 'a': 'é<&>'} | tojson(sort_keys=true, ensure_ascii=true) }}{{ 'é\"\\n' | tojson }}{{ 1.5 | tojson "
        "}}{{ none | tojson }}{{ true | tojson(indent=none) }}"
    ),
    "macros that call": (
        "{% macro turn(role) %}<{{ role }}>{{ caller() }}</{{ role }}>{% endmacro %}{% for m in messages %}"
        "{% call turn(m.role) %}{{ m.content | string | escape }}{% endcall %}{% endfor %}"
        "{% macro many() %}{{ varargs | length }}{{ kwargs | dictsort }}{% endmacro %}{{ many(1, 2, b=3, a=4) }}"
    ),
    "filters over filters": (
        "{% filter upper | replace('E', '3') %}{% for m in messages %}{{ m.role }} {% endfor %}{% endfilter %}"
        "{{ [3, 1, 2] | sort(reverse=true) | join(',') }}{{ 'a b' | title | wordcount }}{{ 3.14159 | round(2) }}"
        "{{ '%s-%03d' | format('x', 7) }}{{ ['b', 'a', 'b'] | unique | list }}{{ [1, 2, 3, 4] | batch(3) | list }}"
        "{{ 'abc' | list | last }}{{ '7' | int + 1 }}{{ 'x' | default('y', true) }}{{ missing | default('gone') }}"
    ),
    "conditions in one line": (
        "{{ 'tools' if tools else 'no tools' }}{{ '' if not messages else messages[0].content[:5] }}{{ bos_token or "
        "'<none>' }}{{ (1, 2)[0] }}{{ [1, 2] + [3] }}{{ 7 // 2 }}{{ 2 ** 5 }}{{ 7 % 3 }}{{ 'a' * 3 }}{{ 1 < 2 < 3 }}"
    ),
    "tests of values": (
        "{% for x in [1, 1.5, 'a', none, true, [], {}, messages] %}{{ x is number }}{{ x is string }}{{ x is none }}"
        "{{ x is boolean }}{{ x is mapping }}{{ x is sequence }}{{ x is iterable }}{{ x is integer }}{{ x is true }} "
        "{% endfor %}{{ missing is undefined }}{{ 4 is divisibleby 2 }}{{ 'a' is in 'abc' }}{{ 3 is odd }}{{ 'A' is "
        "upper }}{{ messages is sameas messages }}{{ 2 is gt 1 }}"
    ),
    "with and set": (
        "{% with a = 1, b = messages | length %}{{ a + b }}{% endwith %}{% set x, y = 1, 2 %}{{ x }}{{ y }}"
        "{% set block %}<{{ messages[0].role }}>{% endset %}{{ block }}{{ block | length }}"
    ),
    "white space": (
        "\n  {#- a note -#}\n {% if true %}\n    one\n  {%+ if true %}two{% endif +%}\n{% endif %}\n\t{%- if true -%}\n"
        "  three\n{%- endif -%}\n\n{{- ' four ' -}}\n {% raw %}{{ five }}{% endraw %}\n"
    ),
    "text's methods": (
        "{% for m in messages if m.content is string %}{{ m.content.strip().split(' ') | length }}"
        "{{ m.content.startswith(' ') }}{{ m.content.find('l') }}{{ m.content.replace('l', 'L', 1) }}"
        "{{ m.content.upper().lower().title() }}{{ '{} {name}'.format(1, name='n') }}{{ '-'.join(['a', 'b']) }}"
        "{{ m.content.rstrip() ~ m.content.splitlines()[0] }}{{ 'x'.zfill(3) }}{{ 'a=b'.partition('=') }}{% endfor %}"
    ),
    "dicts": (
        "{% set d = dict(messages[0], extra=1) %}{% for k in d %}{{ k }},{% endfor %}{{ d.get('nothing', 'else') }}"
        "{{ d.keys() | list }}{{ d.values() | list | length }}{% if 'role' in d %}yes{% endif %}{{ d | items | list | "
        "length }}{{ dict.fromkeys(['a', 'b'], 0) }}{% for k, v in d | dictsort %}{{ k }}{% endfor %}"
    ),
    "joiners and cyclers": (
        "{% set comma = joiner(', ') %}{% set row = cycler('odd', 'even') %}{% for m in messages %}{{ comma() }}"
        "{{ row.next() }}{{ row.current }}{% endfor %}{{ range(2, 11, 3) | list }}{{ range(3) | sum }}"
    ),
    "walks a tree": (
        "{%- for key, value in {'a': {'b': {'c': 1}}, 'd': 2}.items() recursive %}{{ key }}{{ loop.depth }}"
        "{% if value is mapping %}({{ loop(value.items()) }}){% else %}={{ value }}{% endif %};{% endfor %}"
    ),
    "a message that must not be changed": "{% set _ = messages.append({'role': 'user'}) %}{{ messages | length }}",
    "a system message that is refused": (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system message, please') }}{% endif %}"
        "{{ messages[0].content }}"
    ),
    "today": "{% set date = date_string or strftime_now('%Y') %}Today: {{ date }}\n{{ messages[0].content }}",
    "what the assistant wrote": (
        "{% for m in messages %}{{ '<' + m.role + '>' }}{% if m.role == 'assistant' %}{%- generation -%}{{ m.content }}"
        "{{ eos_token }}{%- endgeneration -%}{% else %}{{ m.content }}{% endif %}\n{% endfor %}"
    ),
    "two blocks of one answer": (
        "{% macro said(m) %}{% generation %}{{ m.content }}{% endgeneration %}{% endmacro %}{% for m in messages %}"
        "{% if m.role == 'assistant' %}{% generation %}[{% endgeneration %}{{ m.role }}{% generation %}{{ m.content "
        "}}]{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    ),
    "keyword arguments": (
        "{{ custom_name | default('none') }}{{ numbers | default([]) | join('+') }}{{ flag }}{{ deep.a.b }}"
    ),
    "an error of its own": "{{ messages[0].content.no_such_method() }}",
    "unclosed": "{% for m in messages %}{{ m.content }}",
}
