{# The types of columns, where dbt's own names for types differ in meaning between databases. #}

{# Text of any length: Redshift's default type for text holds 256 characters. #}
{% macro type_any_text() %}{{ return(adapter.dispatch('type_any_text', 'sessions')()) }}{% endmacro %}
{% macro default__type_any_text() %}{{ return(dbt.type_string()) }}{% endmacro %}
{% macro redshift__type_any_text() %}{{ return('varchar(max)') }}{% endmacro %}

{# A number of 64 bits: DuckDB's "float" has 32. #}
{% macro type_double() %}{{ return(adapter.dispatch('type_double', 'sessions')()) }}{% endmacro %}
{% macro default__type_double() %}{{ return('double precision') }}{% endmacro %}
{% macro bigquery__type_double() %}{{ return('float64') }}{% endmacro %}
{% macro databricks__type_double() %}{{ return('double') }}{% endmacro %}

{# An instant: in some databases "timestamp" has no zone. #}
{% macro type_instant() %}{{ return(adapter.dispatch('type_instant', 'sessions')()) }}{% endmacro %}
{% macro default__type_instant() %}{{ return('timestamp with time zone') }}{% endmacro %}
{% macro bigquery__type_instant() %}{{ return('timestamp') }}{% endmacro %}
{% macro snowflake__type_instant() %}{{ return('timestamp_tz') }}{% endmacro %}
{% macro databricks__type_instant() %}{{ return('timestamp') }}{% endmacro %}
