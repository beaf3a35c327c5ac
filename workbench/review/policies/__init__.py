"""The gate's own rules: ``policy/gate.toml`` and ``policy/reviewers``, what they mean, and who may change them.

``rules`` and ``check_rules`` are the schema, ``policy`` reads it, ``reading`` says it in words, ``trial`` tries it on
cases and on the past. Each file has two modules about its change, one that the model runner imports too and one that
signs: ``change`` and ``adoption`` for the policy, ``reviewers`` (with ``widening``) and ``enrolment`` for the list.
"""
