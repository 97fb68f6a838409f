import * as $protobuf from "protobufjs/minimal.js";

/** Namespace driftless. */
export namespace driftless {

    /**
     * Properties of an Up.
     * @deprecated Use driftless.Up.$Properties instead.
     */
    interface IUp extends driftless.Up.$Properties {
    }

    /** Represents an Up. */
    class Up {

        /**
         * Constructs a new Up.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Up.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Up hello. */
        hello?: (driftless.Hello.$Properties|null);

        /** Up push. */
        push?: (driftless.Push.$Properties|null);

        /** Up next. */
        next?: (driftless.Next.$Properties|null);

        /** Up subscribe. */
        subscribe?: (driftless.Subscribe.$Properties|null);

        /** Up unsubscribe. */
        unsubscribe?: (driftless.Unsubscribe.$Properties|null);

        /** Up publish. */
        publish?: (driftless.Publish.$Properties|null);

        /** Up ping. */
        ping?: (driftless.Ping.$Properties|null);

        /** Up presence. */
        presence?: (driftless.Presence.$Properties|null);

        /** Up channel. */
        channel: number;

        /** Up kind. */
        kind?: ("hello"|"push"|"next"|"subscribe"|"unsubscribe"|"publish"|"ping"|"presence");

        /**
         * Creates a new Up instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Up instance
         */
        static create(properties: driftless.Up.$Shape): driftless.Up & driftless.Up.$Shape;
        static create(properties?: driftless.Up.$Properties): driftless.Up;

        /**
         * Encodes the specified Up message. Does not implicitly {@link driftless.Up.verify|verify} messages.
         * @param message Up message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Up.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes an Up message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Up & driftless.Up.$Shape} Up
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Up & driftless.Up.$Shape;
    }

    namespace Up {

        /** Properties of an Up. */
        interface $Properties {

            /** Up hello */
            hello?: (driftless.Hello.$Properties|null);

            /** Up push */
            push?: (driftless.Push.$Properties|null);

            /** Up next */
            next?: (driftless.Next.$Properties|null);

            /** Up subscribe */
            subscribe?: (driftless.Subscribe.$Properties|null);

            /** Up unsubscribe */
            unsubscribe?: (driftless.Unsubscribe.$Properties|null);

            /** Up publish */
            publish?: (driftless.Publish.$Properties|null);

            /** Up ping */
            ping?: (driftless.Ping.$Properties|null);

            /** Up presence */
            presence?: (driftless.Presence.$Properties|null);

            /** Up channel */
            channel?: (number|null);

            /** Up kind */
            kind?: ("hello"|"push"|"next"|"subscribe"|"unsubscribe"|"publish"|"ping"|"presence");

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Narrowed shape of an Up. */
        type $Shape = {
          hello?: driftless.Hello.$Shape|null;
          push?: driftless.Push.$Shape|null;
          next?: driftless.Next.$Shape|null;
          subscribe?: driftless.Subscribe.$Shape|null;
          unsubscribe?: driftless.Unsubscribe.$Shape|null;
          publish?: driftless.Publish.$Shape|null;
          ping?: driftless.Ping.$Shape|null;
          presence?: driftless.Presence.$Shape|null;
          channel?: number|null;
          $unknowns?: Uint8Array[];
        } & (
          ({ kind?: undefined; hello?: null; push?: null; next?: null; subscribe?: null; unsubscribe?: null; publish?: null; ping?: null; presence?: null }|{ kind?: "hello"; hello: driftless.Hello.$Shape; push?: null; next?: null; subscribe?: null; unsubscribe?: null; publish?: null; ping?: null; presence?: null }|{ kind?: "push"; hello?: null; push: driftless.Push.$Shape; next?: null; subscribe?: null; unsubscribe?: null; publish?: null; ping?: null; presence?: null }|{ kind?: "next"; hello?: null; push?: null; next: driftless.Next.$Shape; subscribe?: null; unsubscribe?: null; publish?: null; ping?: null; presence?: null }|{ kind?: "subscribe"; hello?: null; push?: null; next?: null; subscribe: driftless.Subscribe.$Shape; unsubscribe?: null; publish?: null; ping?: null; presence?: null }|{ kind?: "unsubscribe"; hello?: null; push?: null; next?: null; subscribe?: null; unsubscribe: driftless.Unsubscribe.$Shape; publish?: null; ping?: null; presence?: null }|{ kind?: "publish"; hello?: null; push?: null; next?: null; subscribe?: null; unsubscribe?: null; publish: driftless.Publish.$Shape; ping?: null; presence?: null }|{ kind?: "ping"; hello?: null; push?: null; next?: null; subscribe?: null; unsubscribe?: null; publish?: null; ping: driftless.Ping.$Shape; presence?: null }|{ kind?: "presence"; hello?: null; push?: null; next?: null; subscribe?: null; unsubscribe?: null; publish?: null; ping?: null; presence: driftless.Presence.$Shape })
        );
    }

    /**
     * Properties of a Down.
     * @deprecated Use driftless.Down.$Properties instead.
     */
    interface IDown extends driftless.Down.$Properties {
    }

    /** Represents a Down. */
    class Down {

        /**
         * Constructs a new Down.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Down.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Down welcome. */
        welcome?: (driftless.Welcome.$Properties|null);

        /** Down ack. */
        ack?: (driftless.Ack.$Properties|null);

        /** Down poke. */
        poke?: (driftless.Poke.$Properties|null);

        /** Down event. */
        event?: (driftless.Event.$Properties|null);

        /** Down failure. */
        failure?: (driftless.Failure.$Properties|null);

        /** Down pong. */
        pong?: (driftless.Pong.$Properties|null);

        /** Down peers. */
        peers?: (driftless.Peers.$Properties|null);

        /** Down channel. */
        channel: number;

        /** Down kind. */
        kind?: ("welcome"|"ack"|"poke"|"event"|"failure"|"pong"|"peers");

        /**
         * Creates a new Down instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Down instance
         */
        static create(properties: driftless.Down.$Shape): driftless.Down & driftless.Down.$Shape;
        static create(properties?: driftless.Down.$Properties): driftless.Down;

        /**
         * Encodes the specified Down message. Does not implicitly {@link driftless.Down.verify|verify} messages.
         * @param message Down message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Down.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Down message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Down & driftless.Down.$Shape} Down
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Down & driftless.Down.$Shape;
    }

    namespace Down {

        /** Properties of a Down. */
        interface $Properties {

            /** Down welcome */
            welcome?: (driftless.Welcome.$Properties|null);

            /** Down ack */
            ack?: (driftless.Ack.$Properties|null);

            /** Down poke */
            poke?: (driftless.Poke.$Properties|null);

            /** Down event */
            event?: (driftless.Event.$Properties|null);

            /** Down failure */
            failure?: (driftless.Failure.$Properties|null);

            /** Down pong */
            pong?: (driftless.Pong.$Properties|null);

            /** Down peers */
            peers?: (driftless.Peers.$Properties|null);

            /** Down channel */
            channel?: (number|null);

            /** Down kind */
            kind?: ("welcome"|"ack"|"poke"|"event"|"failure"|"pong"|"peers");

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Narrowed shape of a Down. */
        type $Shape = {
          welcome?: driftless.Welcome.$Shape|null;
          ack?: driftless.Ack.$Shape|null;
          poke?: driftless.Poke.$Shape|null;
          event?: driftless.Event.$Shape|null;
          failure?: driftless.Failure.$Shape|null;
          pong?: driftless.Pong.$Shape|null;
          peers?: driftless.Peers.$Shape|null;
          channel?: number|null;
          $unknowns?: Uint8Array[];
        } & (
          ({ kind?: undefined; welcome?: null; ack?: null; poke?: null; event?: null; failure?: null; pong?: null; peers?: null }|{ kind?: "welcome"; welcome: driftless.Welcome.$Shape; ack?: null; poke?: null; event?: null; failure?: null; pong?: null; peers?: null }|{ kind?: "ack"; welcome?: null; ack: driftless.Ack.$Shape; poke?: null; event?: null; failure?: null; pong?: null; peers?: null }|{ kind?: "poke"; welcome?: null; ack?: null; poke: driftless.Poke.$Shape; event?: null; failure?: null; pong?: null; peers?: null }|{ kind?: "event"; welcome?: null; ack?: null; poke?: null; event: driftless.Event.$Shape; failure?: null; pong?: null; peers?: null }|{ kind?: "failure"; welcome?: null; ack?: null; poke?: null; event?: null; failure: driftless.Failure.$Shape; pong?: null; peers?: null }|{ kind?: "pong"; welcome?: null; ack?: null; poke?: null; event?: null; failure?: null; pong: driftless.Pong.$Shape; peers?: null }|{ kind?: "peers"; welcome?: null; ack?: null; poke?: null; event?: null; failure?: null; pong?: null; peers: driftless.Peers.$Shape })
        );
    }

    /**
     * Properties of a Hello.
     * @deprecated Use driftless.Hello.$Properties instead.
     */
    interface IHello extends driftless.Hello.$Properties {
    }

    /** Represents a Hello. */
    class Hello {

        /**
         * Constructs a new Hello.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Hello.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Hello protocol. */
        protocol: number;

        /** Hello client. */
        client: string;

        /** Hello scope. */
        scope: string;

        /** Hello cursor. */
        cursor: number;

        /** Hello epoch. */
        epoch: string;

        /** Hello appVersion. */
        appVersion: number;

        /**
         * Creates a new Hello instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Hello instance
         */
        static create(properties: driftless.Hello.$Shape): driftless.Hello & driftless.Hello.$Shape;
        static create(properties?: driftless.Hello.$Properties): driftless.Hello;

        /**
         * Encodes the specified Hello message. Does not implicitly {@link driftless.Hello.verify|verify} messages.
         * @param message Hello message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Hello.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Hello message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Hello & driftless.Hello.$Shape} Hello
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Hello & driftless.Hello.$Shape;
    }

    namespace Hello {

        /** Properties of a Hello. */
        interface $Properties {

            /** Hello protocol */
            protocol?: (number|null);

            /** Hello client */
            client?: (string|null);

            /** Hello scope */
            scope?: (string|null);

            /** Hello cursor */
            cursor?: (number|null);

            /** Hello epoch */
            epoch?: (string|null);

            /** Hello appVersion */
            appVersion?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Hello. */
        type $Shape = driftless.Hello.$Properties;
    }

    /**
     * Properties of a Welcome.
     * @deprecated Use driftless.Welcome.$Properties instead.
     */
    interface IWelcome extends driftless.Welcome.$Properties {
    }

    /** Represents a Welcome. */
    class Welcome {

        /**
         * Constructs a new Welcome.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Welcome.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Welcome epoch. */
        epoch: string;

        /** Welcome cursor. */
        cursor: number;

        /** Welcome lastSeq. */
        lastSeq: number;

        /** Welcome time. */
        time: number;

        /** Welcome reset. */
        reset: boolean;

        /**
         * Creates a new Welcome instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Welcome instance
         */
        static create(properties: driftless.Welcome.$Shape): driftless.Welcome & driftless.Welcome.$Shape;
        static create(properties?: driftless.Welcome.$Properties): driftless.Welcome;

        /**
         * Encodes the specified Welcome message. Does not implicitly {@link driftless.Welcome.verify|verify} messages.
         * @param message Welcome message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Welcome.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Welcome message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Welcome & driftless.Welcome.$Shape} Welcome
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Welcome & driftless.Welcome.$Shape;
    }

    namespace Welcome {

        /** Properties of a Welcome. */
        interface $Properties {

            /** Welcome epoch */
            epoch?: (string|null);

            /** Welcome cursor */
            cursor?: (number|null);

            /** Welcome lastSeq */
            lastSeq?: (number|null);

            /** Welcome time */
            time?: (number|null);

            /** Welcome reset */
            reset?: (boolean|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Welcome. */
        type $Shape = driftless.Welcome.$Properties;
    }

    /**
     * Properties of a Push.
     * @deprecated Use driftless.Push.$Properties instead.
     */
    interface IPush extends driftless.Push.$Properties {
    }

    /** Represents a Push. */
    class Push {

        /**
         * Constructs a new Push.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Push.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Push mutations. */
        mutations: driftless.Mutation.$Properties[];

        /**
         * Creates a new Push instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Push instance
         */
        static create(properties: driftless.Push.$Shape): driftless.Push & driftless.Push.$Shape;
        static create(properties?: driftless.Push.$Properties): driftless.Push;

        /**
         * Encodes the specified Push message. Does not implicitly {@link driftless.Push.verify|verify} messages.
         * @param message Push message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Push.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Push message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Push & driftless.Push.$Shape} Push
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Push & driftless.Push.$Shape;
    }

    namespace Push {

        /** Properties of a Push. */
        interface $Properties {

            /** Push mutations */
            mutations?: (driftless.Mutation.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Push. */
        type $Shape = driftless.Push.$Properties;
    }

    /**
     * Properties of a Mutation.
     * @deprecated Use driftless.Mutation.$Properties instead.
     */
    interface IMutation extends driftless.Mutation.$Properties {
    }

    /** Represents a Mutation. */
    class Mutation {

        /**
         * Constructs a new Mutation.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Mutation.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Mutation id. */
        id: string;

        /** Mutation name. */
        name: string;

        /** Mutation seq. */
        seq: number;

        /** Mutation args. */
        args: string;

        /** Mutation createdAt. */
        createdAt: number;

        /**
         * Creates a new Mutation instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Mutation instance
         */
        static create(properties: driftless.Mutation.$Shape): driftless.Mutation & driftless.Mutation.$Shape;
        static create(properties?: driftless.Mutation.$Properties): driftless.Mutation;

        /**
         * Encodes the specified Mutation message. Does not implicitly {@link driftless.Mutation.verify|verify} messages.
         * @param message Mutation message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Mutation.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Mutation message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Mutation & driftless.Mutation.$Shape} Mutation
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Mutation & driftless.Mutation.$Shape;
    }

    namespace Mutation {

        /** Properties of a Mutation. */
        interface $Properties {

            /** Mutation id */
            id?: (string|null);

            /** Mutation name */
            name?: (string|null);

            /** Mutation seq */
            seq?: (number|null);

            /** Mutation args */
            args?: (string|null);

            /** Mutation createdAt */
            createdAt?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Mutation. */
        type $Shape = driftless.Mutation.$Properties;
    }

    /**
     * Properties of an Ack.
     * @deprecated Use driftless.Ack.$Properties instead.
     */
    interface IAck extends driftless.Ack.$Properties {
    }

    /** Represents an Ack. */
    class Ack {

        /**
         * Constructs a new Ack.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Ack.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Ack results. */
        results: driftless.Result.$Properties[];

        /**
         * Creates a new Ack instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Ack instance
         */
        static create(properties: driftless.Ack.$Shape): driftless.Ack & driftless.Ack.$Shape;
        static create(properties?: driftless.Ack.$Properties): driftless.Ack;

        /**
         * Encodes the specified Ack message. Does not implicitly {@link driftless.Ack.verify|verify} messages.
         * @param message Ack message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Ack.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes an Ack message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Ack & driftless.Ack.$Shape} Ack
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Ack & driftless.Ack.$Shape;
    }

    namespace Ack {

        /** Properties of an Ack. */
        interface $Properties {

            /** Ack results */
            results?: (driftless.Result.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of an Ack. */
        type $Shape = driftless.Ack.$Properties;
    }

    /**
     * Properties of a Result.
     * @deprecated Use driftless.Result.$Properties instead.
     */
    interface IResult extends driftless.Result.$Properties {
    }

    /** Represents a Result. */
    class Result {

        /**
         * Constructs a new Result.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Result.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Result id. */
        id: string;

        /** Result cursor. */
        cursor: number;

        /** Result lastSeq. */
        lastSeq: number;

        /** Result code. */
        code: string;

        /** Result error. */
        error: string;

        /** Result changesPlusOne. */
        changesPlusOne: number;

        /**
         * Creates a new Result instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Result instance
         */
        static create(properties: driftless.Result.$Shape): driftless.Result & driftless.Result.$Shape;
        static create(properties?: driftless.Result.$Properties): driftless.Result;

        /**
         * Encodes the specified Result message. Does not implicitly {@link driftless.Result.verify|verify} messages.
         * @param message Result message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Result.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Result message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Result & driftless.Result.$Shape} Result
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Result & driftless.Result.$Shape;
    }

    namespace Result {

        /** Properties of a Result. */
        interface $Properties {

            /** Result id */
            id?: (string|null);

            /** Result cursor */
            cursor?: (number|null);

            /** Result lastSeq */
            lastSeq?: (number|null);

            /** Result code */
            code?: (string|null);

            /** Result error */
            error?: (string|null);

            /** Result changesPlusOne */
            changesPlusOne?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Result. */
        type $Shape = driftless.Result.$Properties;
    }

    /**
     * Properties of a Next.
     * @deprecated Use driftless.Next.$Properties instead.
     */
    interface INext extends driftless.Next.$Properties {
    }

    /** Represents a Next. */
    class Next {

        /**
         * Constructs a new Next.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Next.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Next cursor. */
        cursor: number;

        /**
         * Creates a new Next instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Next instance
         */
        static create(properties: driftless.Next.$Shape): driftless.Next & driftless.Next.$Shape;
        static create(properties?: driftless.Next.$Properties): driftless.Next;

        /**
         * Encodes the specified Next message. Does not implicitly {@link driftless.Next.verify|verify} messages.
         * @param message Next message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Next.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Next message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Next & driftless.Next.$Shape} Next
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Next & driftless.Next.$Shape;
    }

    namespace Next {

        /** Properties of a Next. */
        interface $Properties {

            /** Next cursor */
            cursor?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Next. */
        type $Shape = driftless.Next.$Properties;
    }

    /**
     * Properties of a Poke.
     * @deprecated Use driftless.Poke.$Properties instead.
     */
    interface IPoke extends driftless.Poke.$Properties {
    }

    /** Represents a Poke. */
    class Poke {

        /**
         * Constructs a new Poke.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Poke.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Poke from. */
        from: number;

        /** Poke entities. */
        entities: string[];

        /** Poke changes. */
        changes: driftless.Change.$Properties[];

        /** Poke time. */
        time: number;

        /** Poke more. */
        more: boolean;

        /**
         * Creates a new Poke instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Poke instance
         */
        static create(properties: driftless.Poke.$Shape): driftless.Poke & driftless.Poke.$Shape;
        static create(properties?: driftless.Poke.$Properties): driftless.Poke;

        /**
         * Encodes the specified Poke message. Does not implicitly {@link driftless.Poke.verify|verify} messages.
         * @param message Poke message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Poke.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Poke message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Poke & driftless.Poke.$Shape} Poke
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Poke & driftless.Poke.$Shape;
    }

    namespace Poke {

        /** Properties of a Poke. */
        interface $Properties {

            /** Poke from */
            from?: (number|null);

            /** Poke entities */
            entities?: (string[]|null);

            /** Poke changes */
            changes?: (driftless.Change.$Properties[]|null);

            /** Poke time */
            time?: (number|null);

            /** Poke more */
            more?: (boolean|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Poke. */
        type $Shape = driftless.Poke.$Properties;
    }

    /**
     * Properties of a Change.
     * @deprecated Use driftless.Change.$Properties instead.
     */
    interface IChange extends driftless.Change.$Properties {
    }

    /** Represents a Change. */
    class Change {

        /**
         * Constructs a new Change.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Change.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Change entity. */
        entity: number;

        /** Change id. */
        id: string;

        /** Change op. */
        op: driftless.Op;

        /** Change data. */
        data: string;

        /** Change elapsed. */
        elapsed: number;

        /**
         * Creates a new Change instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Change instance
         */
        static create(properties: driftless.Change.$Shape): driftless.Change & driftless.Change.$Shape;
        static create(properties?: driftless.Change.$Properties): driftless.Change;

        /**
         * Encodes the specified Change message. Does not implicitly {@link driftless.Change.verify|verify} messages.
         * @param message Change message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Change.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Change message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Change & driftless.Change.$Shape} Change
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Change & driftless.Change.$Shape;
    }

    namespace Change {

        /** Properties of a Change. */
        interface $Properties {

            /** Change entity */
            entity?: (number|null);

            /** Change id */
            id?: (string|null);

            /** Change op */
            op?: (driftless.Op|null);

            /** Change data */
            data?: (string|null);

            /** Change elapsed */
            elapsed?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Change. */
        type $Shape = driftless.Change.$Properties;
    }

    /** Op enum. */
    enum Op {

        /** CREATE value */
        CREATE = 0,

        /** UPDATE value */
        UPDATE = 1,

        /** DELETE value */
        DELETE = 2
    }

    /**
     * Properties of a Subscribe.
     * @deprecated Use driftless.Subscribe.$Properties instead.
     */
    interface ISubscribe extends driftless.Subscribe.$Properties {
    }

    /** Represents a Subscribe. */
    class Subscribe {

        /**
         * Constructs a new Subscribe.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Subscribe.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Subscribe topic. */
        topic: string;

        /**
         * Creates a new Subscribe instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Subscribe instance
         */
        static create(properties: driftless.Subscribe.$Shape): driftless.Subscribe & driftless.Subscribe.$Shape;
        static create(properties?: driftless.Subscribe.$Properties): driftless.Subscribe;

        /**
         * Encodes the specified Subscribe message. Does not implicitly {@link driftless.Subscribe.verify|verify} messages.
         * @param message Subscribe message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Subscribe.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Subscribe message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Subscribe & driftless.Subscribe.$Shape} Subscribe
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Subscribe & driftless.Subscribe.$Shape;
    }

    namespace Subscribe {

        /** Properties of a Subscribe. */
        interface $Properties {

            /** Subscribe topic */
            topic?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Subscribe. */
        type $Shape = driftless.Subscribe.$Properties;
    }

    /**
     * Properties of an Unsubscribe.
     * @deprecated Use driftless.Unsubscribe.$Properties instead.
     */
    interface IUnsubscribe extends driftless.Unsubscribe.$Properties {
    }

    /** Represents an Unsubscribe. */
    class Unsubscribe {

        /**
         * Constructs a new Unsubscribe.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Unsubscribe.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Unsubscribe topic. */
        topic: string;

        /**
         * Creates a new Unsubscribe instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Unsubscribe instance
         */
        static create(properties: driftless.Unsubscribe.$Shape): driftless.Unsubscribe & driftless.Unsubscribe.$Shape;
        static create(properties?: driftless.Unsubscribe.$Properties): driftless.Unsubscribe;

        /**
         * Encodes the specified Unsubscribe message. Does not implicitly {@link driftless.Unsubscribe.verify|verify} messages.
         * @param message Unsubscribe message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Unsubscribe.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes an Unsubscribe message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Unsubscribe & driftless.Unsubscribe.$Shape} Unsubscribe
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Unsubscribe & driftless.Unsubscribe.$Shape;
    }

    namespace Unsubscribe {

        /** Properties of an Unsubscribe. */
        interface $Properties {

            /** Unsubscribe topic */
            topic?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of an Unsubscribe. */
        type $Shape = driftless.Unsubscribe.$Properties;
    }

    /**
     * Properties of a Publish.
     * @deprecated Use driftless.Publish.$Properties instead.
     */
    interface IPublish extends driftless.Publish.$Properties {
    }

    /** Represents a Publish. */
    class Publish {

        /**
         * Constructs a new Publish.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Publish.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Publish topic. */
        topic: string;

        /** Publish data. */
        data: string;

        /**
         * Creates a new Publish instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Publish instance
         */
        static create(properties: driftless.Publish.$Shape): driftless.Publish & driftless.Publish.$Shape;
        static create(properties?: driftless.Publish.$Properties): driftless.Publish;

        /**
         * Encodes the specified Publish message. Does not implicitly {@link driftless.Publish.verify|verify} messages.
         * @param message Publish message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Publish.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Publish message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Publish & driftless.Publish.$Shape} Publish
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Publish & driftless.Publish.$Shape;
    }

    namespace Publish {

        /** Properties of a Publish. */
        interface $Properties {

            /** Publish topic */
            topic?: (string|null);

            /** Publish data */
            data?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Publish. */
        type $Shape = driftless.Publish.$Properties;
    }

    /**
     * Properties of an Event.
     * @deprecated Use driftless.Event.$Properties instead.
     */
    interface IEvent extends driftless.Event.$Properties {
    }

    /** Represents an Event. */
    class Event {

        /**
         * Constructs a new Event.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Event.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Event topic. */
        topic: string;

        /** Event data. */
        data: string;

        /**
         * Creates a new Event instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Event instance
         */
        static create(properties: driftless.Event.$Shape): driftless.Event & driftless.Event.$Shape;
        static create(properties?: driftless.Event.$Properties): driftless.Event;

        /**
         * Encodes the specified Event message. Does not implicitly {@link driftless.Event.verify|verify} messages.
         * @param message Event message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Event.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes an Event message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Event & driftless.Event.$Shape} Event
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Event & driftless.Event.$Shape;
    }

    namespace Event {

        /** Properties of an Event. */
        interface $Properties {

            /** Event topic */
            topic?: (string|null);

            /** Event data */
            data?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of an Event. */
        type $Shape = driftless.Event.$Properties;
    }

    /**
     * Properties of a Failure.
     * @deprecated Use driftless.Failure.$Properties instead.
     */
    interface IFailure extends driftless.Failure.$Properties {
    }

    /** Represents a Failure. */
    class Failure {

        /**
         * Constructs a new Failure.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Failure.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Failure code. */
        code: string;

        /** Failure error. */
        error: string;

        /** Failure retryAfterMs. */
        retryAfterMs: number;

        /**
         * Creates a new Failure instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Failure instance
         */
        static create(properties: driftless.Failure.$Shape): driftless.Failure & driftless.Failure.$Shape;
        static create(properties?: driftless.Failure.$Properties): driftless.Failure;

        /**
         * Encodes the specified Failure message. Does not implicitly {@link driftless.Failure.verify|verify} messages.
         * @param message Failure message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Failure.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Failure message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Failure & driftless.Failure.$Shape} Failure
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Failure & driftless.Failure.$Shape;
    }

    namespace Failure {

        /** Properties of a Failure. */
        interface $Properties {

            /** Failure code */
            code?: (string|null);

            /** Failure error */
            error?: (string|null);

            /** Failure retryAfterMs */
            retryAfterMs?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Failure. */
        type $Shape = driftless.Failure.$Properties;
    }

    /**
     * Properties of a Ping.
     * @deprecated Use driftless.Ping.$Properties instead.
     */
    interface IPing extends driftless.Ping.$Properties {
    }

    /** Represents a Ping. */
    class Ping {

        /**
         * Constructs a new Ping.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Ping.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /**
         * Creates a new Ping instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Ping instance
         */
        static create(properties: driftless.Ping.$Shape): driftless.Ping & driftless.Ping.$Shape;
        static create(properties?: driftless.Ping.$Properties): driftless.Ping;

        /**
         * Encodes the specified Ping message. Does not implicitly {@link driftless.Ping.verify|verify} messages.
         * @param message Ping message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Ping.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Ping message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Ping & driftless.Ping.$Shape} Ping
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Ping & driftless.Ping.$Shape;
    }

    namespace Ping {

        /** Properties of a Ping. */
        interface $Properties {

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Ping. */
        type $Shape = driftless.Ping.$Properties;
    }

    /**
     * Properties of a Pong.
     * @deprecated Use driftless.Pong.$Properties instead.
     */
    interface IPong extends driftless.Pong.$Properties {
    }

    /** Represents a Pong. */
    class Pong {

        /**
         * Constructs a new Pong.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Pong.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Pong time. */
        time: number;

        /**
         * Creates a new Pong instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Pong instance
         */
        static create(properties: driftless.Pong.$Shape): driftless.Pong & driftless.Pong.$Shape;
        static create(properties?: driftless.Pong.$Properties): driftless.Pong;

        /**
         * Encodes the specified Pong message. Does not implicitly {@link driftless.Pong.verify|verify} messages.
         * @param message Pong message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Pong.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Pong message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Pong & driftless.Pong.$Shape} Pong
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Pong & driftless.Pong.$Shape;
    }

    namespace Pong {

        /** Properties of a Pong. */
        interface $Properties {

            /** Pong time */
            time?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Pong. */
        type $Shape = driftless.Pong.$Properties;
    }

    /**
     * Properties of a Presence.
     * @deprecated Use driftless.Presence.$Properties instead.
     */
    interface IPresence extends driftless.Presence.$Properties {
    }

    /** Represents a Presence. */
    class Presence {

        /**
         * Constructs a new Presence.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Presence.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Presence watch. */
        watch: boolean;

        /** Presence data. */
        data: string;

        /**
         * Creates a new Presence instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Presence instance
         */
        static create(properties: driftless.Presence.$Shape): driftless.Presence & driftless.Presence.$Shape;
        static create(properties?: driftless.Presence.$Properties): driftless.Presence;

        /**
         * Encodes the specified Presence message. Does not implicitly {@link driftless.Presence.verify|verify} messages.
         * @param message Presence message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Presence.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Presence message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Presence & driftless.Presence.$Shape} Presence
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Presence & driftless.Presence.$Shape;
    }

    namespace Presence {

        /** Properties of a Presence. */
        interface $Properties {

            /** Presence watch */
            watch?: (boolean|null);

            /** Presence data */
            data?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Presence. */
        type $Shape = driftless.Presence.$Properties;
    }

    /**
     * Properties of a Peers.
     * @deprecated Use driftless.Peers.$Properties instead.
     */
    interface IPeers extends driftless.Peers.$Properties {
    }

    /** Represents a Peers. */
    class Peers {

        /**
         * Constructs a new Peers.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Peers.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Peers all. */
        all: boolean;

        /** Peers peers. */
        peers: driftless.Peer.$Properties[];

        /**
         * Creates a new Peers instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Peers instance
         */
        static create(properties: driftless.Peers.$Shape): driftless.Peers & driftless.Peers.$Shape;
        static create(properties?: driftless.Peers.$Properties): driftless.Peers;

        /**
         * Encodes the specified Peers message. Does not implicitly {@link driftless.Peers.verify|verify} messages.
         * @param message Peers message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Peers.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Peers message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Peers & driftless.Peers.$Shape} Peers
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Peers & driftless.Peers.$Shape;
    }

    namespace Peers {

        /** Properties of a Peers. */
        interface $Properties {

            /** Peers all */
            all?: (boolean|null);

            /** Peers peers */
            peers?: (driftless.Peer.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Peers. */
        type $Shape = driftless.Peers.$Properties;
    }

    /**
     * Properties of a Peer.
     * @deprecated Use driftless.Peer.$Properties instead.
     */
    interface IPeer extends driftless.Peer.$Properties {
    }

    /** Represents a Peer. */
    class Peer {

        /**
         * Constructs a new Peer.
         * @param [properties] Properties to set
         */
        constructor(properties?: driftless.Peer.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Peer client. */
        client: string;

        /** Peer data. */
        data: string;

        /**
         * Creates a new Peer instance using the specified properties.
         * @param [properties] Properties to set
         * @returns Peer instance
         */
        static create(properties: driftless.Peer.$Shape): driftless.Peer & driftless.Peer.$Shape;
        static create(properties?: driftless.Peer.$Properties): driftless.Peer;

        /**
         * Encodes the specified Peer message. Does not implicitly {@link driftless.Peer.verify|verify} messages.
         * @param message Peer message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: driftless.Peer.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Peer message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {driftless.Peer & driftless.Peer.$Shape} Peer
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): driftless.Peer & driftless.Peer.$Shape;
    }

    namespace Peer {

        /** Properties of a Peer. */
        interface $Properties {

            /** Peer client */
            client?: (string|null);

            /** Peer data */
            data?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Peer. */
        type $Shape = driftless.Peer.$Properties;
    }
}
